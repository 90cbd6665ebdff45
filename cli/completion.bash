# completion.bash - completion of `behalf` for bash. Source it, or install it as
# /usr/share/bash-completion/completions/behalf. Asks nobody: the words stand here.

_behalf()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local commands='check check-bulk expand lookup-resources lookup-subjects lookup-permissions
        relationship schema validate import server status ping version help'
    local common='--endpoint --help --json --timeout'
    local read='--consistency --token'
    local command=${COMP_WORDS[1]:-} options=

    COMPREPLY=()
    case $previous in
        --consistency)
            COMPREPLY=($(compgen -W 'full minimize-latency at-least-as-fresh at-exact-snapshot' \
                -- "$current"))
            return ;;
        --junit)
            COMPREPLY=($(compgen -f -- "$current"))
            return ;;
        --actor|--context|--cursor|--depth|--endpoint|--filter|--from-line|--idempotency-key|--limit|\
        --timeout|--token)
            return ;;
    esac
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "$commands $common" -- "$current"))
        return
    fi
    if [ "$COMP_CWORD" -eq 2 ]; then
        case $command in
            relationship) options='create touch delete write read' ;;
            schema) options='read write apply plan validate lint fmt compile diff reflect' ;;
            server) options='clock stats' ;;
            help) options=$commands ;;
        esac
        if [ -n "$options" ] && [[ $current != -* ]]; then
            COMPREPLY=($(compgen -W "$options" -- "$current"))
            return
        fi
        options=
    fi
    case $command in
        relationship|schema|server) command="$command ${COMP_WORDS[2]:-}" ;;
    esac
    case $command in
        check) options="$read --actor --context --explain" ;;
        check-bulk) options="$read --context --junit" ;;
        expand) options="$read --depth" ;;
        lookup-resources) options="$read --actor --context --limit --cursor --all" ;;
        lookup-subjects) options="$read --context --limit --cursor --all" ;;
        lookup-permissions) options="$read --actor --context" ;;
        'relationship read') options="$read --filter --limit --cursor --all" ;;
        'relationship delete') options='--filter --limit --all --idempotency-key' ;;
        'relationship '*) options='--idempotency-key' ;;
        'schema read'|'schema reflect'|'schema plan') options=$read ;;
        'schema apply') options='--yes' ;;
        'schema validate'|'schema lint') options='--fail-on-warn' ;;
        validate) options='--fail-on-warn --junit --update' ;;
        'schema fmt') options='--check --write' ;;
        import) options='--from-line' ;;
        ping) options='--wait' ;;
    esac
    case $current in
        -*) COMPREPLY=($(compgen -W "$options $common" -- "$current")) ;;
        *)
            case $command in
                'server clock')
                    COMPREPLY=($(compgen -W 'confirm reject' -- "$current")) ;;
                check-bulk|import|validate|'relationship write'|'schema write'|'schema apply'|\
                'schema plan'|'schema validate'|'schema lint'|'schema fmt'|'schema compile'|\
                'schema diff'|'schema reflect')
                    COMPREPLY=($(compgen -f -- "$current")) ;;
            esac ;;
    esac
}

complete -o filenames -F _behalf behalf
