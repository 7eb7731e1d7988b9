#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a text file of plain ASCII as a C array that ends with a NUL.

Usage: tools/embed_text.py NAME FILE OUTPUT
"""
import sys


def main():
    name, path, output = sys.argv[1:]
    with open(path, "rb") as file:
        text = file.read() + b"\0"
    rows = (text[i:i + 20] for i in range(0, len(text), 20))
    with open(output, "w", encoding="ascii") as file:
        file.write(f"// Made from {path.split('/')[-1]} by tools/embed_text.py.\n"
                   f"extern const char {name}[];\nconst char {name}[] = {{\n")
        file.writelines("    " + ", ".join(map(str, row)) + ",\n" for row in rows)
        file.write("};\n")


if __name__ == "__main__":
    main()
