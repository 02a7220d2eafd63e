"""Fails when a document links to a file of the repository that is not there."""

import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def broken(document):
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.S)
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        if not (document.parent / target.split("#")[0]).exists():
            yield f"{document}: {target}: no such file"


listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
                        check=True, capture_output=True, text=True).stdout.split()
documents = [pathlib.Path(name) for name in listed if pathlib.Path(name).exists()]
if not documents:
    sys.exit("no documents found")
problems = [problem for document in documents for problem in broken(document)]
if problems:
    sys.exit("\n".join(problems))
print(f"{len(documents)} documents, every link to a file of the repository leads somewhere")
