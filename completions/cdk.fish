# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_cdk_global_optspecs
    string join \n C= e/environment= host= service= only= parallel= o/output= color= v/verbose q/quiet no-input h/help V/version
end

function __fish_cdk_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_cdk_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_cdk_using_subcommand
    set -l cmd (__fish_cdk_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c cdk -n "__fish_cdk_needs_command" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_needs_command" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_needs_command" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_needs_command" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_needs_command" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_needs_command" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_needs_command" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_needs_command" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_needs_command" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_needs_command" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_needs_command" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_needs_command" -s V -l version -d 'Print version'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "init" -d 'Write a small, commented repository, or one made out of a Compose file'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "check" -d 'Parse, render and validate the repository, without the network'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "show" -d 'The resolved cluster, after templates and defaults, its secrets masked'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "hosts" -d 'Every host: state, labels, engine, containers, CPU and memory'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "nodes" -d 'Every host: state, labels, engine, containers, CPU and memory'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "ps" -d 'Every replica: where it is, what it runs, how it is'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "observe" -d 'What is live now, as one document'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "plan" -d 'What apply would do, and why'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "apply" -d 'Plan, ask, then do it'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "rollback" -d 'Go back to the last version that ended well, or to another one'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "rehearse" -d 'Play an apply on simulated hosts and a virtual clock: how long it takes, what a failure would do'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "scale" -d 'Change how many replicas services have, in the YAML, and show the plan'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "bump" -d 'Change the images of services, in the YAML, and show the plan'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "drain" -d 'Let replicas go off hosts (`state: drain` in the YAML), and show the plan'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "activate" -d 'Let hosts take replicas again, and show the plan'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "status" -d 'Is the cluster healthy, and as git says?'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "move" -d 'Move one replica to another host'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "rebalance" -d 'Even the cluster out, with the fewest moves'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "promote" -d 'Let the other replicas follow a service\'s canary'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "abort" -d 'Take a service\'s canary, or its paused update, back to what was before'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "history" -d 'Who applied what, when, from which commit, and how it ended'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "lock" -d 'Who holds the cluster\'s lock'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "firewall" -d 'The firewalls: which rules are in force'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "secret" -d 'Secrets: encrypt a value into the repository, make a key'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "schema" -d 'The JSON Schemas of cdk\'s files'
complete -c cdk -n "__fish_cdk_needs_command" -f -a "completions" -d 'The completion script for a shell'
complete -c cdk -n "__fish_cdk_using_subcommand init" -l name -d 'The cluster\'s name; the Compose project\'s, or the folder\'s, unless given' -r
complete -c cdk -n "__fish_cdk_using_subcommand init" -l from -d 'Make it out of this Compose or stack file' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand init" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand init" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand init" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand init" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand init" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand init" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand init" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand init" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand init" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand init" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand check" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand check" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand check" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand check" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand check" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand check" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand check" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand check" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand check" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand check" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand check" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand show" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand show" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand show" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand show" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand show" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand show" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand show" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand show" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand show" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand show" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand show" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand hosts" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand hosts" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand hosts" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand hosts" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand hosts" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand hosts" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand hosts" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand hosts" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand hosts" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand hosts" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand hosts" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand hosts" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand nodes" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand nodes" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand nodes" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand nodes" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand nodes" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand nodes" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand nodes" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand nodes" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand nodes" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand nodes" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand nodes" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand nodes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand ps" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand ps" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand ps" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand ps" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand ps" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand ps" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand ps" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand ps" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand ps" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand ps" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand ps" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand ps" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand observe" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand observe" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand observe" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand observe" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand observe" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand observe" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand observe" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand observe" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand observe" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand observe" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand observe" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand observe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand plan" -l out -d 'Save the plan here too, for `cdk apply FILE`' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand plan" -l live -d 'Plan against this saved observation, not against the hosts' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand plan" -l rev -d 'Take the repository as it was at this git revision' -r
complete -c cdk -n "__fish_cdk_using_subcommand plan" -l forget -d 'Give up this host, which hosts.yaml has no more: what it holds is made elsewhere, and it is not asked again' -r
complete -c cdk -n "__fish_cdk_using_subcommand plan" -l retry -d 'Try the update of this service again, which failed and is paused or held since' -r
complete -c cdk -n "__fish_cdk_using_subcommand plan" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand plan" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand plan" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand plan" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand plan" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand plan" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand plan" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand plan" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand plan" -l failover -d 'Place replicas elsewhere whose hosts do not answer; those that write to their host stay'
complete -c cdk -n "__fish_cdk_using_subcommand plan" -l detailed-exitcode -d 'End with 2 where there are changes'
complete -c cdk -n "__fish_cdk_using_subcommand plan" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand plan" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand plan" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l rev -d 'Take the repository as it was at this git revision' -r
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l forget -d 'Give up this host, which hosts.yaml has no more: what it holds is made elsewhere, and it is not asked again' -r
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l retry -d 'Try the update of this service again, which failed and is paused or held since' -r
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l lock-timeout -d 'Wait so long for another run to end, which has the cluster\'s lock' -r
complete -c cdk -n "__fish_cdk_using_subcommand apply" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand apply" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand apply" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand apply" -s y -l yes -d 'Do not ask'
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l dirty -d 'Apply uncommitted changes too'
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l allow-removals -d 'Remove even more than half of the cluster\'s containers'
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l failover -d 'Place replicas elsewhere whose hosts do not answer; those that write to their host stay'
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l new-cluster -d 'Apply beside another cluster of the same repository: `cluster.name` was not changed by mistake'
complete -c cdk -n "__fish_cdk_using_subcommand apply" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand apply" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand apply" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -l to -d 'Go back to this git revision, not to the last one that ended well' -r
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -l live -d 'Only show the plan, against this saved observation' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -l forget -d 'Give up this host, which hosts.yaml has no more: what it holds is made elsewhere, and it is not asked again' -r
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -l lock-timeout -d 'Wait so long for another run to end, which has the cluster\'s lock' -r
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -s y -l yes -d 'Do not ask'
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -l dry-run -d 'Only show the plan'
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -l allow-removals -d 'Remove even more than half of the cluster\'s containers'
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand rollback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l fail -d 'From then on the new container of this replica exits as soon as it runs: web.3@8s' -r
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l kill -d 'From then on this host says nothing, and what stands there serves no longer: bj-02@12s' -r
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l slow -d 'These replicas take so long to become healthy, runs of jobs to end: \'web.*=30s\'' -r
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l picture -d 'Write a picture of it here, time against replicas, as SVG' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l live -d 'Begin as in this saved observation, not as the hosts are' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l rev -d 'Take the repository as it was at this git revision' -r
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l forget -d 'Give up this host, which hosts.yaml has no more: what it holds is made elsewhere, and it is not asked again' -r
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l failover -d 'Place replicas elsewhere whose hosts do not answer; those that write to their host stay'
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand rehearse" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand scale" -l live -d 'Plan against this saved observation, not against the hosts' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand scale" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand scale" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand scale" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand scale" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand scale" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand scale" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand scale" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand scale" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand scale" -l commit -d 'Commit the edited file, and nothing else; then the plan is of that commit'
complete -c cdk -n "__fish_cdk_using_subcommand scale" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand scale" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand scale" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand scale" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand bump" -l live -d 'Plan against this saved observation, not against the hosts' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand bump" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand bump" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand bump" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand bump" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand bump" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand bump" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand bump" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand bump" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand bump" -l commit -d 'Commit the edited file, and nothing else; then the plan is of that commit'
complete -c cdk -n "__fish_cdk_using_subcommand bump" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand bump" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand bump" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand bump" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand drain" -l live -d 'Plan against this saved observation, not against the hosts' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand drain" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand drain" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand drain" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand drain" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand drain" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand drain" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand drain" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand drain" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand drain" -l commit -d 'Commit the edited file, and nothing else; then the plan is of that commit'
complete -c cdk -n "__fish_cdk_using_subcommand drain" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand drain" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand drain" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand drain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand activate" -l live -d 'Plan against this saved observation, not against the hosts' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand activate" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand activate" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand activate" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand activate" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand activate" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand activate" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand activate" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand activate" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand activate" -l commit -d 'Commit the edited file, and nothing else; then the plan is of that commit'
complete -c cdk -n "__fish_cdk_using_subcommand activate" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand activate" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand activate" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand activate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand status" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand status" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand status" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand status" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand status" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand status" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand status" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand status" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand status" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand status" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand status" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand move" -l out -d 'Only save the plan here, for `cdk apply FILE`, and show it' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand move" -l live -d 'Only show the plan, against this saved observation' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand move" -l lock-timeout -d 'Wait so long for another run to end, which has the cluster\'s lock' -r
complete -c cdk -n "__fish_cdk_using_subcommand move" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand move" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand move" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand move" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand move" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand move" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand move" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand move" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand move" -l without-data -d 'Start it there without what it wrote to its host, which stays there; needed where it writes'
complete -c cdk -n "__fish_cdk_using_subcommand move" -s y -l yes -d 'Do not ask'
complete -c cdk -n "__fish_cdk_using_subcommand move" -l dirty -d 'Do it in spite of uncommitted changes'
complete -c cdk -n "__fish_cdk_using_subcommand move" -l dry-run -d 'Only show the plan'
complete -c cdk -n "__fish_cdk_using_subcommand move" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand move" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand move" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand move" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -l moves -d 'Make so many moves at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -l out -d 'Only save the plan here, for `cdk apply FILE`, and show it' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -l live -d 'Only show the plan, against this saved observation' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -l lock-timeout -d 'Wait so long for another run to end, which has the cluster\'s lock' -r
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -s y -l yes -d 'Do not ask'
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -l dirty -d 'Do it in spite of uncommitted changes'
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -l dry-run -d 'Only show the plan'
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand rebalance" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand promote" -l out -d 'Only save the plan here, for `cdk apply FILE`, and show it' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand promote" -l live -d 'Only show the plan, against this saved observation' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand promote" -l lock-timeout -d 'Wait so long for another run to end, which has the cluster\'s lock' -r
complete -c cdk -n "__fish_cdk_using_subcommand promote" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand promote" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand promote" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand promote" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand promote" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand promote" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand promote" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand promote" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand promote" -s y -l yes -d 'Do not ask'
complete -c cdk -n "__fish_cdk_using_subcommand promote" -l dirty -d 'Do it in spite of uncommitted changes'
complete -c cdk -n "__fish_cdk_using_subcommand promote" -l dry-run -d 'Only show the plan'
complete -c cdk -n "__fish_cdk_using_subcommand promote" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand promote" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand promote" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand promote" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand abort" -l out -d 'Only save the plan here, for `cdk apply FILE`, and show it' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand abort" -l live -d 'Only show the plan, against this saved observation' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand abort" -l lock-timeout -d 'Wait so long for another run to end, which has the cluster\'s lock' -r
complete -c cdk -n "__fish_cdk_using_subcommand abort" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand abort" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand abort" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand abort" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand abort" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand abort" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand abort" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand abort" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand abort" -s y -l yes -d 'Do not ask'
complete -c cdk -n "__fish_cdk_using_subcommand abort" -l dirty -d 'Do it in spite of uncommitted changes'
complete -c cdk -n "__fish_cdk_using_subcommand abort" -l dry-run -d 'Only show the plan'
complete -c cdk -n "__fish_cdk_using_subcommand abort" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand abort" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand abort" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand abort" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand history" -s n -d 'Only the last so many' -r
complete -c cdk -n "__fish_cdk_using_subcommand history" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand history" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand history" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand history" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand history" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand history" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand history" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand history" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand history" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand history" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand history" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -f -a "show" -d 'Who holds it, since when, from where'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and not __fish_seen_subcommand_from show release" -f -a "release" -d 'End the processes on the hosts that hold it: the run that they are of begins nothing any more'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from show" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from show" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from show" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from show" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from show" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from show" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from show" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from show" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from show" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from release" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from release" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from release" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from release" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from release" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from release" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from release" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from release" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from release" -s y -l yes -d 'Do not ask'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from release" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from release" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from release" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand lock; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -f -a "show" -d 'The rules in force on every host, in the YAML\'s words'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and not __fish_seen_subcommand_from show confirm" -f -a "confirm" -d 'Confirm the changes that wait on hosts, over connections made anew: those of an apply that was killed before it could'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from show" -l explain -d 'Which rule decides for one packet: `203.0.113.9:443 → bj-01` (-> will do); a host\'s name or `container` may stand for the address' -r
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from show" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from show" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from show" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from show" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from show" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from show" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from show" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from show" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from show" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from confirm" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from confirm" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from confirm" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from confirm" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from confirm" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from confirm" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from confirm" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from confirm" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from confirm" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from confirm" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from confirm" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand firewall; and __fish_seen_subcommand_from confirm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -f -a "set" -d 'Encrypt a value from stdin, or asked for, into secrets/NAME.age'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and not __fish_seen_subcommand_from set key" -f -a "key" -d 'Make the key that decrypts secrets, and show its recipient; a key that is there stays'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from set" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from set" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from set" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from set" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from set" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from set" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from set" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from set" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from set" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from key" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from key" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from key" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from key" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from key" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from key" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from key" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from key" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from key" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from key" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from key" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand secret; and __fish_seen_subcommand_from key" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand schema" -l dir -d 'Write each schema to a file of this folder, not all to stdout' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand schema" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand schema" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand schema" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand schema" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand schema" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand schema" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand schema" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand schema" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand schema" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand schema" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand schema" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cdk -n "__fish_cdk_using_subcommand completions" -s C -d 'Look for the repository from here upwards, not from the current folder' -r -F
complete -c cdk -n "__fish_cdk_using_subcommand completions" -s e -l environment -d 'Which of the files in environments/ lies over the others; required where there are any' -r
complete -c cdk -n "__fish_cdk_using_subcommand completions" -l host -d 'Only this host; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand completions" -l service -d 'Only this service; may be given several times' -r
complete -c cdk -n "__fish_cdk_using_subcommand completions" -l only -d 'Only this part of the cluster; may be given several times' -r -f -a "services\t'Services and their replicas; firewalls stay as they are'
firewall\t'The hosts\' firewalls; replicas stay as they are, and what they need stays open'"
complete -c cdk -n "__fish_cdk_using_subcommand completions" -l parallel -d 'How many hosts are worked on at once, at most' -r
complete -c cdk -n "__fish_cdk_using_subcommand completions" -s o -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c cdk -n "__fish_cdk_using_subcommand completions" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR or CI is set'
always\t'Always'
never\t'Never'"
complete -c cdk -n "__fish_cdk_using_subcommand completions" -s v -l verbose -d 'Tell every detail'
complete -c cdk -n "__fish_cdk_using_subcommand completions" -s q -l quiet -d 'Tell only what fails'
complete -c cdk -n "__fish_cdk_using_subcommand completions" -l no-input -d 'Never ask'
complete -c cdk -n "__fish_cdk_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
