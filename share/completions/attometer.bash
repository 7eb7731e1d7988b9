# bash completion for attometer, made by `make docs`
_attometer() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} flags=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W 'info help --help --version' -- "$word"))
    return
  fi
  case "${COMP_WORDS[1]}" in
    help) flags='info ' ;;
    info)
      case "$before" in
        --output-format) COMPREPLY=($(compgen -W 'table json' -- "$word")); return ;;
      esac
      flags='--measure --output-format --help' ;;
  esac
  COMPREPLY=($(compgen -W "$flags" -- "$word"))
  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$word"))
}
complete -o filenames -F _attometer attometer
