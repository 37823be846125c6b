# Prints a Makefile's targets: lines `target: ... ## what it does`, under headings `##@ heading`.
BEGIN { FS = ":.*## " }
/^##@ / { printf "\n%s\n", substr($0, 5) }
/^[a-z][a-z-]*:.*## / { printf "  make %-12s %s\n", $1, $2 }
