# Completion of dbjobs for fish. To install it:
#   dbjobs completion fish > ~/.config/fish/completions/dbjobs.fish

function __dbjobs_complete
    set -l words (commandline -opc)
    set -l current (string unescape -- (commandline -ct); or commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    set -l line (string join -- \x1f $words[2..-1] $current)
    set -l lines (env _DBJOBS_COMPLETE=fish _DBJOBS_WORDS="$line" $program 2> /dev/null)
    set -l option (string match -r -- '^--[^=]*=' $current)
    set -l path (string replace -r -- '^--[^=]*=' '' $current)
    switch "$lines[1]"
        case files
            string replace -r -- '^' "$option" (__fish_complete_path $path)
        case folders
            string replace -r -- '^' "$option" (__fish_complete_directories $path '')
        case '*'
            string join -- \n $lines[2..-1]
    end
end

complete -c dbjobs -k -f -a '(__dbjobs_complete)'
