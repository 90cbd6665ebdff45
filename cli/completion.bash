# completion.bash - completion of `behalf` for bash. Source it, or install it as
# /usr/share/bash-completion/completions/behalf. Asks nobody: the words stand here.

_behalf()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local commands='check check-bulk filter expand history lookup-resources lookup-subjects
        lookup-permissions session grant request agent attribute audit relationship schema validate import watch server key
        status ping version help'
    local common='--endpoint --help --json --timeout --tls --ca-file --certificate
        --certificate-key --key-file'
    local read='--consistency --token --at'
    local call='--method --digest --tool' end='--expires-at --expires-in'
    local terms='--scope --constraint --not-before --max-depth --uses --purpose'
    local records='--event --session --grant --agent --principal --decision'
    local approval='--approver --channel' pages='--limit --cursor --all'
    local command=${COMP_WORDS[1]:-} options=

    COMPREPLY=()
    case $previous in
        --consistency)
            COMPREPLY=($(compgen -W 'full minimize-latency at-least-as-fresh at-exact-snapshot' \
                -- "$current"))
            return ;;
        --status)
            COMPREPLY=($(compgen -W 'pending approved denied cancelled expired' -- "$current"))
            return ;;
        --format)
            COMPREPLY=($(compgen -W 'ocsf' -- "$current"))
            return ;;
        --ca-file|--certificate|--certificate-key|--checkpoint|--key|--key-file|--file|--junit)
            COMPREPLY=($(compgen -f -- "$current"))
            return ;;
        --actor|--agent|--approver|--at|--channel|--client|--constraint|--context|--cursor|--decision|--depth|\
        --denial|--digest|--endpoint|--event|--evidence|--expires-at|--expires-in|--filter|--from|--from-line|\
        --grant|--grant-expires-in|--idempotency-key|--idle-timeout|--justification|--limit|\
        --max-depth|--method|\
        --not-before|--principal|--purpose|--reason|--role|--scope|--session|--timeout|--token|--tool|\
        --until|--uses)
            return ;;
    esac
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "$commands $common" -- "$current"))
        return
    fi
    if [ "$COMP_CWORD" -eq 2 ]; then
        case $command in
            session) options='create read list suspend resume revoke' ;;
            grant) options='create delegate read list revoke' ;;
            request) options='list show create approve deny cancel' ;;
            agent) options='kill restore stopped audit' ;;
            attribute) options='set merge delete read' ;;
            audit) options='read tail explain verify proof replay checkpoint export' ;;
            relationship) options='create touch delete write read' ;;
            schema) options='read write apply plan validate lint fmt compile diff reflect' ;;
            server) options='clock stats' ;;
            key) options='new' ;;
            help) options=$commands ;;
        esac
        if [ -n "$options" ] && [[ $current != -* ]]; then
            COMPREPLY=($(compgen -W "$options" -- "$current"))
            return
        fi
        options=
    fi
    case $command in
        session|grant|request|agent|attribute|audit|relationship|schema|server|key)
            command="$command ${COMP_WORDS[2]:-}" ;;
    esac
    case $command in
        check) options="$read $call --actor --grant --context --explain --idempotency-key" ;;
        filter) options="$read --actor --grant --context" ;;
        check-bulk) options="$read --context --junit" ;;
        expand) options="$read --depth" ;;
        history) options="$read $pages" ;;
        lookup-resources) options="$read --actor --grant --context $pages" ;;
        lookup-subjects) options="$read --context $pages" ;;
        lookup-permissions) options="$read --actor --grant --context" ;;
        'session create')
            options="$end $terms $approval $call --client --evidence --grant-expires-in
                --idle-timeout --idempotency-key" ;;
        'session list') options="$pages --principal --agent" ;;
        'session suspend'|'session resume'|'session revoke'|'grant revoke')
            options='--reason --idempotency-key' ;;
        'grant create') options="$end $terms $approval $call --idempotency-key" ;;
        'grant delegate') options="$end $terms $call --actor --idempotency-key" ;;
        'grant list') options="$pages --session --agent" ;;
        'request create')
            options="$end $call --uses --until --justification --denial --idempotency-key" ;;
        'request list') options="$pages --principal --status" ;;
        'request approve') options="$end $terms $approval $call --idempotency-key" ;;
        'request deny'|'request cancel') options='--approver --reason --idempotency-key' ;;
        'agent kill'|'agent restore')
            options='--client --principal --everything --reason --idempotency-key' ;;
        'agent audit') options=$pages ;;
        'key new') options='--actor --role' ;;
        'attribute read') options=$read ;;
        'audit read') options="$records --from $pages" ;;
        'audit tail') options="$records --limit --all" ;;
        'audit export') options="$records --from --format --limit --all" ;;
        'audit replay') options='--at --from --limit --all' ;;
        'audit verify'|'audit proof') options='--key --checkpoint' ;;
        'attribute '*) options='--file --idempotency-key' ;;
        'relationship read') options="$read --filter $pages" ;;
        'relationship delete') options='--filter --limit --all --idempotency-key' ;;
        'relationship '*) options='--idempotency-key' ;;
        'schema read'|'schema reflect'|'schema plan') options=$read ;;
        'schema apply') options='--yes' ;;
        'schema validate'|'schema lint') options='--fail-on-warn' ;;
        validate) options='--fail-on-warn --junit --update' ;;
        'schema fmt') options='--check --write' ;;
        import) options='--from-line' ;;
        watch) options='--from' ;;
        ping) options='--wait' ;;
    esac
    case $current in
        -*) COMPREPLY=($(compgen -W "$options $common" -- "$current")) ;;
        *)
            case $command in
                'server clock')
                    COMPREPLY=($(compgen -W 'confirm reject' -- "$current")) ;;
                check-bulk|import|validate|'audit verify'|'audit proof'|'relationship write'|'schema write'|'schema apply'|\
                'schema plan'|'schema validate'|'schema lint'|'schema fmt'|'schema compile'|\
                'schema diff'|'schema reflect')
                    COMPREPLY=($(compgen -f -- "$current")) ;;
            esac ;;
    esac
}

complete -o filenames -F _behalf behalf
