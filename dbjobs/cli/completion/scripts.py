"""The scripts that add completion to each shell."""

SCRIPTS = {
    "bash": r"""
# Completion of dbjobs for bash. To install it:
#   echo 'eval "$(dbjobs completion bash)"' >> ~/.bashrc

_dbjobs() {
    local kind line
    COMPREPLY=()
    {
        IFS= read -r kind
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done
    } < <(_DBJOBS_COMPLETE=bash _DBJOBS_LINE="${COMP_LINE:0:COMP_POINT}" \
        _DBJOBS_BREAKS="$COMP_WORDBREAKS" "${1/#\~/$HOME}" 2> /dev/null)
    case $kind in
        files) compopt -o default 2> /dev/null ;;
        folders) compopt -o dirnames 2> /dev/null ;;
    esac
}

complete -o nosort -F _dbjobs dbjobs 2> /dev/null || complete -F _dbjobs dbjobs
""",
    "zsh": r"""
#compdef dbjobs
# Completion of dbjobs for zsh. To install it:
#   echo 'eval "$(dbjobs completion zsh)"' >> ~/.zshrc

_dbjobs() {
    local program=${(Q)words[1]} kind
    local -a complete_words lines
    complete_words=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
    lines=("${(@f)$(_DBJOBS_COMPLETE=zsh _DBJOBS_WORDS="${(pj:\x1f:)complete_words}" \
        "${program/#\~/$HOME}" 2> /dev/null)}")
    kind=$lines[1]
    shift lines
    case $kind in
        files) compset -P '--[^=]#='; _files ;;
        folders) compset -P '--[^=]#='; _files -/ ;;
        *) (( $#lines )) && _describe -V 'dbjobs' lines ;;
    esac
}

if [[ $funcstack[1] == _dbjobs ]]; then
    _dbjobs "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
    compdef _dbjobs dbjobs
fi
""",
    "fish": r"""
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
""",
    "powershell": r"""
# Completion of dbjobs for PowerShell. To install it:
#   Add-Content $PROFILE 'dbjobs completion powershell | Out-String | Invoke-Expression'

Register-ArgumentCompleter -Native -CommandName dbjobs -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object {
        if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value }
        else { $_.Extent.Text }
    })
    if ($wordToComplete) { $words = @($words | Select-Object -SkipLast 1) }
    $program = $commandAst.CommandElements[0].Extent.Text
    $encoding = [Console]::OutputEncoding
    try {
        [Console]::OutputEncoding = [System.Text.Encoding]::UTF8
        $Env:_DBJOBS_COMPLETE = 'powershell'
        $Env:_DBJOBS_WORDS = (@($words) + $wordToComplete) -join [char]31
        $lines = @(& $program 2> $null)
    } finally {
        [Console]::OutputEncoding = $encoding
        Remove-Item Env:_DBJOBS_COMPLETE, Env:_DBJOBS_WORDS -ErrorAction SilentlyContinue
    }
    if ($lines[0] -ne 'words') { return }
    $lines | Select-Object -Skip 1 | ForEach-Object {
        $word, $help = $_ -split "`t", 2
        $text = if ($word -match '^[\w.=+-]+$') { $word } else { "'" + $word.Replace("'", "''") + "'" }
        if (-not $help) { $help = $word }
        [System.Management.Automation.CompletionResult]::new($text, $word, 'ParameterValue', $help)
    }
}
""",
}
"""By the name of the shell; each begins with how to install it."""
