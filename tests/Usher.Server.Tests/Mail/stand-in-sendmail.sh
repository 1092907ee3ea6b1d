#!/bin/sh
# Stands in for Sendmail. A test makes a link to it in a folder of its own, where it leaves what it was given; the recipient says how it behaves.
here=$(dirname "$0")
printf '%s\n' "$@" >"$here/arguments"
case $* in
    *early@*) echo "early: cannot read on" >&2; exit 75 ;;
    *slow@*) echo $$ >"$here/pid"; sleep 60 & wait ;;
esac
cat >"$here/mail"
case $* in
    *exit-*@*) code=${*##*exit-} code=${code%%@*}; echo "stand-in: refused as told" >&2; exit "$code" ;;
    *chatty@*) yes "chatter" | head -n 100000; yes "complaint" | head -n 100000 >&2 ;;
esac
