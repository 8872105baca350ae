# From a log of several runs of pytest: a line of their sums, then the closing line of the last run as pytest wrote it.
# What failed counts in every run; what passed does not count again in random order, where the same tests run once more.
/^share [0-9]+\/[0-9]+ in the random order/ { again = 1 }
/^(=+ )?([0-9]+ [a-z]+|no tests ran)(, [0-9]+ [a-z]+)* in [0-9.]+s/ {
    last = $0
    gsub(/^=+ /, "")
    split($0, half, " in ")
    seconds += half[2] + 0
    runs++
    parts = split(half[1], part, ", ")
    for (place = 1; place <= parts; place++) {
        split(part[place], pair, " ")
        word = pair[2] == "warnings" || pair[2] == "errors" ? substr(pair[2], 1, length(pair[2]) - 1) : pair[2]
        if (!again || word == "failed" || word == "error") count[word] += pair[1]
    }
}
END {
    if (!runs) exit
    words = split("failed passed skipped xfailed xpassed warning error", order, " ")
    for (place = 1; place <= words; place++) {
        word = order[place]
        if (!count[word]) continue
        plural = (word == "warning" || word == "error") && count[word] > 1 ? "s" : ""
        line = line (line ? ", " : "") count[word] " " word plural
    }
    minutes = int(seconds / 60)
    clock = sprintf("%d:%02d:%02d", int(minutes / 60), minutes % 60, int(seconds) % 60)
    printf "%d runs of pytest together: %s in %.2fs (%s)\n", runs, line ? line : "no tests ran", seconds, clock
    print last
}
