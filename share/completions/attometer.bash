# bash completion for attometer, made by `make docs`
_attometer() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} flags=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W 'run ab attention report generate logits tokenize info bench-kernels cache help --help --version' -- "$word"))
    return
  fi
  case "${COMP_WORDS[1]}" in
    help) flags='run ab attention report generate logits tokenize info bench-kernels cache ' ;;
    run)
      case "$before" in
        -m | --model-id) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --config-file) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --continuous-batching) COMPREPLY=($(compgen -W 'off on' -- "$word")); return ;;
        --rules) COMPREPLY=($(compgen -W 'all none fa2-unavailable fa2-compile flex-batching batching-mode' -- "$word")); return ;;
        --order) COMPREPLY=($(compgen -W 'listed largest-first shuffled' -- "$word")); return ;;
        --requests) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --scheduler) COMPREPLY=($(compgen -W 'fifo prefill_first' -- "$word")); return ;;
        --dtype) COMPREPLY=($(compgen -W 'float32 bfloat16 float16' -- "$word")); return ;;
        --device) COMPREPLY=($(compgen -W 'cpu' -- "$word")); return ;;
        --attn-implementation) COMPREPLY=($(compgen -W 'eager sdpa flash_attention_2 flex_attention' -- "$word")); return ;;
        --sdpa-backend) COMPREPLY=($(compgen -W 'math efficient_attention flash_attention' -- "$word")); return ;;
        --cpu-mask) COMPREPLY=($(compgen -W 'reference avx2 avx512 avx512_bf16 amx_bf16' -- "$word")); return ;;
        --compile-mode) COMPREPLY=($(compgen -W 'none default reduce-overhead max-autotune max-autotune-no-cudagraphs' -- "$word")); return ;;
        --dump-graph) COMPREPLY=($(compgen -W 'before after all' -- "$word")); return ;;
        --dump-folder) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --kernelize) COMPREPLY=($(compgen -W 'off on' -- "$word")); return ;;
        --output-dir) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --output-format) COMPREPLY=($(compgen -W 'table markdown csv json jsonl' -- "$word")); return ;;
        --log-level) COMPREPLY=($(compgen -W 'DEBUG INFO WARNING ERROR' -- "$word")); return ;;
      esac
      flags='--model-id --warmup --iterations --batch-size --sequence-length --num-tokens-to-generate --depth --config-file --no-gpu-monitoring --timeout --level --continuous-batching --rules --list --order --order-seed --time-budget --cool-down --until --until-most --requests --arrivals --request-count --arrival-seed --ttft-bound --itl-bound --scheduler --token-budget --max-sequences --block-size --cache-blocks --share-prefixes --dtype --device --threads --pin --attn-implementation --sdpa-backend --cpu-mask --compile-mode --dynamic --dump-graph --dump-folder --kernelize --output-dir --output-format --resume --log-level --branch-name --commit-id --commit-message --help' ;;
    ab)
      case "$before" in
        -m | --model-id) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --config-file) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --dtype) COMPREPLY=($(compgen -W 'float32 bfloat16 float16' -- "$word")); return ;;
        --device) COMPREPLY=($(compgen -W 'cpu' -- "$word")); return ;;
        --attn-implementation) COMPREPLY=($(compgen -W 'eager sdpa flash_attention_2 flex_attention' -- "$word")); return ;;
        --sdpa-backend) COMPREPLY=($(compgen -W 'math efficient_attention flash_attention' -- "$word")); return ;;
        --cpu-mask) COMPREPLY=($(compgen -W 'reference avx2 avx512 avx512_bf16 amx_bf16' -- "$word")); return ;;
        --compile-mode) COMPREPLY=($(compgen -W 'none default reduce-overhead max-autotune max-autotune-no-cudagraphs' -- "$word")); return ;;
        --dump-graph) COMPREPLY=($(compgen -W 'before after all' -- "$word")); return ;;
        --dump-folder) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --kernelize) COMPREPLY=($(compgen -W 'off on' -- "$word")); return ;;
        --output-dir) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --output-format) COMPREPLY=($(compgen -W 'table json' -- "$word")); return ;;
        --log-level) COMPREPLY=($(compgen -W 'DEBUG INFO WARNING ERROR' -- "$word")); return ;;
      esac
      flags='--model-id --warmup --iterations --rounds-max --time-budget --minimum-effect --binary-b --gate --seed --batch-size --sequence-length --num-tokens-to-generate --depth --config-file --no-gpu-monitoring --timeout --dtype --device --threads --pin --attn-implementation --sdpa-backend --cpu-mask --compile-mode --dynamic --dump-graph --dump-folder --kernelize --output-dir --output-format --log-level --branch-name --commit-id --commit-message --help' ;;
    attention)
      case "$before" in
        --config) COMPREPLY=($(compgen -f -- "$word")); return ;;
        -dtype | --dtype) COMPREPLY=($(compgen -W 'bfloat16 float16 float32' -- "$word")); return ;;
        --flex) COMPREPLY=($(compgen -W 'compiled interpreted' -- "$word")); return ;;
        --output-dir) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --output-format) COMPREPLY=($(compgen -W 'table markdown csv json jsonl' -- "$word")); return ;;
        --plot) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --save-path) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --output-json-for-dashboard) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --log-level) COMPREPLY=($(compgen -W 'DEBUG INFO WARNING ERROR' -- "$word")); return ;;
        --load) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --save) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --print-config) COMPREPLY=($(compgen -W 'yaml json' -- "$word")); return ;;
        --cpu-mask) COMPREPLY=($(compgen -W 'reference avx2 avx512 avx512_bf16 amx_bf16' -- "$word")); return ;;
      esac
      flags='--config --dtype --b --nh --s --d --mods --backend --calculate-bwd --decoding --kv-size --dynamic --max-autotune --flex --jit-async --score --mask --param --array --max-seq --max-batch --max-bytes --time-budget --timeout --measure-time --warmup --cold --no-cold --output-dir --resume --output-format --throughput --no-throughput --show-speedups --plot --save-path --output-json-for-dashboard --benchmark-name --log-level --branch-name --commit-id --commit-message --load --save --dry-run --print-config --list-mods --list-backends --threads --pin --cpu-mask --help' ;;
    report)
      case "$before" in
        --output-format) COMPREPLY=($(compgen -W 'table markdown csv json jsonl' -- "$word")); return ;;
        --plot) COMPREPLY=($(compgen -f -- "$word")); return ;;
      esac
      flags='--output-format --plot --show-speedups --no-throughput --help' ;;
    generate)
      case "$before" in
        -m | --model-id) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --dtype) COMPREPLY=($(compgen -W 'float32 bfloat16 float16' -- "$word")); return ;;
        --device) COMPREPLY=($(compgen -W 'cpu' -- "$word")); return ;;
        --attn-implementation) COMPREPLY=($(compgen -W 'eager sdpa flash_attention_2 flex_attention' -- "$word")); return ;;
        --sdpa-backend) COMPREPLY=($(compgen -W 'math efficient_attention flash_attention' -- "$word")); return ;;
        --cpu-mask) COMPREPLY=($(compgen -W 'reference avx2 avx512 avx512_bf16 amx_bf16' -- "$word")); return ;;
        --compile-mode) COMPREPLY=($(compgen -W 'none default reduce-overhead max-autotune max-autotune-no-cudagraphs' -- "$word")); return ;;
        --dump-graph) COMPREPLY=($(compgen -W 'before after all' -- "$word")); return ;;
        --dump-folder) COMPREPLY=($(compgen -f -- "$word")); return ;;
      esac
      flags='--model-id --prompt --ids --max-new-tokens --ignore-eos --print-ids --temperature --top-k --top-p --seed --dtype --device --threads --pin --attn-implementation --sdpa-backend --cpu-mask --compile-mode --dynamic --dump-graph --dump-folder --kernelize --help' ;;
    logits)
      case "$before" in
        -m | --model-id) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --npy) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --output-format) COMPREPLY=($(compgen -W 'table json' -- "$word")); return ;;
        --dtype) COMPREPLY=($(compgen -W 'float32 bfloat16 float16' -- "$word")); return ;;
        --device) COMPREPLY=($(compgen -W 'cpu' -- "$word")); return ;;
        --attn-implementation) COMPREPLY=($(compgen -W 'eager sdpa flash_attention_2 flex_attention' -- "$word")); return ;;
        --sdpa-backend) COMPREPLY=($(compgen -W 'math efficient_attention flash_attention' -- "$word")); return ;;
        --cpu-mask) COMPREPLY=($(compgen -W 'reference avx2 avx512 avx512_bf16 amx_bf16' -- "$word")); return ;;
        --compile-mode) COMPREPLY=($(compgen -W 'none default reduce-overhead max-autotune max-autotune-no-cudagraphs' -- "$word")); return ;;
        --dump-graph) COMPREPLY=($(compgen -W 'before after all' -- "$word")); return ;;
        --dump-folder) COMPREPLY=($(compgen -f -- "$word")); return ;;
      esac
      flags='--model-id --prompt --ids --top --npy --output-format --dtype --device --threads --pin --attn-implementation --sdpa-backend --cpu-mask --compile-mode --dynamic --dump-graph --dump-folder --kernelize --help' ;;
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
    bench-kernels)
      case "$before" in
        --dtype) COMPREPLY=($(compgen -W 'float32 bfloat16 float16' -- "$word")); return ;;
        --output-format) COMPREPLY=($(compgen -W 'table json' -- "$word")); return ;;
        --cpu-mask) COMPREPLY=($(compgen -W 'reference avx2 avx512 avx512_bf16 amx_bf16' -- "$word")); return ;;
      esac
      flags='--list --shape --rows --dtype --seconds --full --seed --output-format --threads --pin --cpu-mask --help' ;;
    cache)
      case "$before" in
        --output-format) COMPREPLY=($(compgen -W 'table json' -- "$word")); return ;;
      esac
      flags='--output-format --older-than --help' ;;
  esac
  COMPREPLY=($(compgen -W "$flags" -- "$word"))
  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$word"))
}
complete -o filenames -F _attometer attometer
