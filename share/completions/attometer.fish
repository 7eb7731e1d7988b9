# fish completion for attometer, made by `make docs`
complete -c attometer -f
complete -c attometer -n __fish_use_subcommand -a info -d 'tell about this machine, the libraries and the back ends'
complete -c attometer -n '__fish_seen_subcommand_from info' -l measure -d 'also measure the ceilings: multiply-adds on one and all threads, memory read and copy; under 3 s'
complete -c attometer -n '__fish_seen_subcommand_from info' -l output-format -x -a 'table json' -d 'how to print'
