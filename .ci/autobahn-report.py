#!/usr/bin/env python3
"""Judges the report of an Autobahn|Testsuite run.

usage: autobahn-report.py INDEX AGENT CASES

INDEX is the index.json the suite wrote, AGENT the name of the server in it,
and CASES a file with the ids of the cases which were to be run, one a line.

Prints the outcomes by family of cases, then every case which is not plainly
OK, then `N passed, N failed`. The exit status is 1 if a case failed or has no
result, and 2 if the report cannot be judged.
"""

import json
import sys
from collections import Counter

FAMILIES = {
    "1": "framing",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragmentation",
    "6": "UTF-8 handling",
    "7": "close handling",
    "9": "limits, performance",
    "10": "miscellaneous",
}

# What the suite may say of a case which passed: of the messages exchanged,
# and of the way the connection was closed.
BEHAVIOR_PASSED = ("OK", "NON-STRICT", "INFORMATIONAL")
CLOSE_PASSED = ("OK", "INFORMATIONAL")

MISSING = "MISSING"
OTHER = "OTHER"
COLUMNS = (
    "OK",
    "NON-STRICT",
    "INFORMATIONAL",
    "FAILED",
    "WRONG CODE",
    "UNCLEAN",
    OTHER,
    MISSING,
)


def judge(entry):
    """The one outcome a case counts for (the worse of its two), and whether
    it passed."""
    if entry is None:
        return MISSING, False
    behavior = entry.get("behavior")
    close = entry.get("behaviorClose")
    if behavior not in BEHAVIOR_PASSED:
        outcome, passed = behavior, False
    elif close not in CLOSE_PASSED:
        outcome, passed = close, False
    else:
        outcome, passed = (close if behavior == "OK" else behavior), True
    return (outcome if outcome in COLUMNS else OTHER), passed


def main(argv):
    if len(argv) != 4:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    index_path, agent, cases_path = argv[1:]
    try:
        with open(index_path, encoding="utf-8") as f:
            results = json.load(f).get(agent, {})
        with open(cases_path, encoding="utf-8") as f:
            cases = f.read().split()
    except (OSError, ValueError) as e:
        print(f"autobahn: cannot read the report: {e}", file=sys.stderr)
        return 2
    if not cases:
        print(f"autobahn: no case in {cases_path}", file=sys.stderr)
        return 2

    families = {}
    remarks = []
    passed_count = 0
    for case in cases:
        entry = results.get(case)
        outcome, passed = judge(entry)
        families.setdefault(case.split(".")[0], Counter())[outcome] += 1
        passed_count += passed
        if entry is None:
            remarks.append(f"  {case:<8} no result")
        elif not (entry.get("behavior") == entry.get("behaviorClose") == "OK"):
            remarks.append(
                f"  {case:<8} {entry.get('behavior')}, close {entry.get('behaviorClose')}"
                f" (code {entry.get('remoteCloseCode')})" + ("" if passed else "  <- failed")
            )

    # The outcomes nothing came to are left out, save those always of interest.
    total = sum(families.values(), Counter())
    columns = [c for c in COLUMNS if c not in (OTHER, MISSING) or total[c]]
    rows = [("family", "cases", *columns)]
    for family, counts in families.items():
        name = f"{family} {FAMILIES.get(family, '')}".rstrip()
        rows.append((name, sum(counts.values()), *(counts[c] for c in columns)))
    rows.append(("all", len(cases), *(total[c] for c in columns)))
    name_width = max(len(row[0]) for row in rows)
    for row in rows:
        cells = (
            f"{cell:>{max(len(title), 5)}}" for title, cell in zip(rows[0][1:], row[1:])
        )
        print(f"{row[0]:<{name_width}}  {'  '.join(cells)}")

    if remarks:
        print("\nnot plainly OK:")
        print("\n".join(remarks))
    print()
    print(f"{passed_count} passed, {len(cases) - passed_count} failed")
    return 0 if passed_count == len(cases) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
