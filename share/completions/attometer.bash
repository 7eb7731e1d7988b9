# bash completion for attometer, made by `make docs`
_attometer() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} flags=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W 'generate logits tokenize info help --help --version' -- "$word"))
    return
  fi
  case "${COMP_WORDS[1]}" in
    help) flags='generate logits tokenize info ' ;;
    generate)
      case "$before" in
        -m | --model-id) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --dtype) COMPREPLY=($(compgen -W 'float32 bfloat16 float16' -- "$word")); return ;;
        --device) COMPREPLY=($(compgen -W 'cpu' -- "$word")); return ;;
        --attn-implementation) COMPREPLY=($(compgen -W 'eager sdpa' -- "$word")); return ;;
        --sdpa-backend) COMPREPLY=($(compgen -W 'math' -- "$word")); return ;;
        --cpu-mask) COMPREPLY=($(compgen -W 'reference avx2 avx512' -- "$word")); return ;;
      esac
      flags='--model-id --prompt --ids --max-new-tokens --ignore-eos --print-ids --temperature --top-k --top-p --seed --dtype --device --threads --pin --attn-implementation --sdpa-backend --cpu-mask --help' ;;
    logits)
      case "$before" in
        -m | --model-id) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --npy) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --output-format) COMPREPLY=($(compgen -W 'table json' -- "$word")); return ;;
        --dtype) COMPREPLY=($(compgen -W 'float32 bfloat16 float16' -- "$word")); return ;;
        --device) COMPREPLY=($(compgen -W 'cpu' -- "$word")); return ;;
        --attn-implementation) COMPREPLY=($(compgen -W 'eager sdpa' -- "$word")); return ;;
        --sdpa-backend) COMPREPLY=($(compgen -W 'math' -- "$word")); return ;;
        --cpu-mask) COMPREPLY=($(compgen -W 'reference avx2 avx512' -- "$word")); return ;;
      esac
      flags='--model-id --prompt --ids --top --npy --output-format --dtype --device --threads --pin --attn-implementation --sdpa-backend --cpu-mask --help' ;;
    tokenize)
      case "$before" in
        -m | --model-id) COMPREPLY=($(compgen -f -- "$word")); return ;;
      esac
      flags='--model-id --decode --no-special-tokens --jsonl --help' ;;
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
