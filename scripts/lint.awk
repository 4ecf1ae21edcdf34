# lint.awk - see scripts/lint.  Works with mawk and gawk, under LC_ALL=C.

BEGIN {
    # Which folders of src/ a folder may include, besides itself.  Only
    # downwards; the services meet over HTTP and in the store.
    low = "base net embed socketio vector store jobs"
    layer("base", "")
    layer("net", "base")
    layer("embed", "base")
    layer("socketio", "base net")
    layer("vector", "base net embed")
    layer("store", "base")
    layer("jobs", "base net embed socketio vector store")
    layer("transfer", "base store")
    layer("scraper", low)
    layer("backend", low)
    layer("processor", low)
    layer("analytics", low)
    layer("web", "base net")
    layer("chroma", low " processor")
    layer("cmd", low " scraper backend processor chroma analytics web transfer")

    # Functions that are not used, and what is.
    ban("strcpy strcat strncpy stpcpy", "struct buf, or memcpy with a length")
    ban("sprintf vsprintf", "snprintf or struct buf")
    ban("gets", "fgets or read")
    ban("strtok", "struct slice, or strtok_r")
    ban("atoi atol atof atoll", "strtol and friends, with checks")
    ban("localtime gmtime ctime asctime", "base/clock.h, or the _r form")
    ban("alloca", "an arena")
    ban("system popen", "posix_spawn, without a shell")
}

function layer(folder, list,    i, n, part) {
    known[folder] = 1
    n = split(list, part, " ")
    for (i = 1; i <= n; i++)
        may[folder, part[i]] = 1
}

function ban(names, instead,    i, n, part) {
    n = split(names, part, " ")
    for (i = 1; i <= n; i++)
        banned[part[i]] = instead
}

function report(rule) {
    printf "%s:%d: %s\n", FILENAME, FNR, rule
    failures++
}

FNR == 1 {
    is_c = FILENAME ~ /\.[ch]$/
    in_comment = 0
    folder = ""
    guard = ""
    if (split(FILENAME, path, "/") == 3 && path[1] == "src") {
        folder = path[2]
        if (is_c && !(folder in known))
            report("layers: src/" folder " is not in the table of lint.awk")
        if (FILENAME ~ /\.h$/) {
            guard = toupper(path[2] "_" path[3])
            gsub(/[^A-Z0-9]/, "_", guard)
        }
    }
    guard_seen = 0
}

/[ \t\r]$/ { report("blanks: at the end of the line") }

FILENAME !~ /Makefile$/ && /\t/ { report("tabs: use spaces") }

/TODO|FIXME/ && FILENAME !~ /lint\.awk$/ {
    report("marks: finish it, or file an issue")
}

{
    line = $0
    gsub(/[\200-\277]/, "", line) # what is left of UTF-8: its characters
    if (length(line) > 100)
        report("length: " length(line) " characters, at most 100")
}

!is_c { next }

# An include's name is a string, so it is looked at before those go.
!in_comment && folder != "" && /^[ \t]*#[ \t]*include[ \t]*"/ {
    name = $0
    sub(/^[^"]*"/, "", name)
    sub(/".*/, "", name)
    if (split(name, part, "/") != 2)
        report("layers: write #include \"folder/" name "\"")
    else if (part[1] != folder && part[1] != "gen" &&
             !((folder, part[1]) in may))
        report("layers: " folder " must not include " name)
}

{
    code = strip($0)
    check_guard()
    check_calls(code)
}

END { exit failures > 0 }

# The line without comments and without what is between quotes.
function strip(s,    out, c, two) {
    out = ""
    while (s != "") {
        if (in_comment) {
            c = index(s, "*/")
            if (!c)
                return out
            s = substr(s, c + 2)
            in_comment = 0
            continue
        }
        two = substr(s, 1, 2)
        c = substr(s, 1, 1)
        if (two == "//")
            return out
        if (two == "/*") {
            in_comment = 1
            s = substr(s, 3)
        } else if (c == "\"" && match(s, /^"([^"\\]|\\.)*"/)) {
            out = out "\"\""
            s = substr(s, RLENGTH + 1)
        } else if (c == "'" && match(s, /^'([^'\\]|\\.)+'/)) {
            out = out "' '"
            s = substr(s, RLENGTH + 1)
        } else {
            out = out c
            s = substr(s, 2)
        }
    }
    return out
}

# The first code in a header is its guard.
function check_guard() {
    if (guard == "" || guard_seen || code ~ /^[ \t]*$/)
        return
    guard_seen = 1
    if (code !~ "^#ifndef " guard "[ \t]*$")
        report("guard: the first line of code must be #ifndef " guard)
}

function check_calls(s,    word, before) {
    while (match(s, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
        word = substr(s, RSTART, RLENGTH - 1)
        sub(/[ \t]+$/, "", word)
        before = RSTART > 1 ? substr(s, RSTART - 1, 1) : ""
        s = substr(s, RSTART + RLENGTH)
        if (before == "." || before == ">")
            continue # a member that happens to have the name
        if (word in banned)
            report("banned: " word "(); use " banned[word])
        if (word == "exit" && folder != "" && folder != "cmd")
            report("exit: only src/cmd may end the process")
    }
}
