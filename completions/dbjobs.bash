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
