# SPDX-License-Identifier: MIT
"""What a release of the ABI promises: every number, name, argument, errno, offset and size.

Called by generate.py. A later abi.toml may add to it; what is there stays. Not promised are texts,
costs in units, and fields that are reserved: those are where additions go.
"""
import json

TABLES = ("cpuid", "constants", "modes", "shutdown", "areas", "features", "virqs", "states", "flush", "batch",
          "stats_why", "stats_space", "counted", "errno", "classes", "kinds")


def is_reserved(field):
    return field.startswith(("reserved", "pad"))


def of(abi):
    """The promise as nested tables."""
    out = {"version": {"major": abi["abi"]["major"], "minor": abi["abi"]["minor"]}}
    out |= {table: dict(abi[table]) for table in TABLES}
    out["calls"] = {c["name"]: {"nr": c["nr"], "args": " ".join(c["args"]), "errors": {e: True for e in c["errors"]},
                                "batch": c.get("batch", False), "feature": c.get("feature", "")}
                    for c in abi["call"] if not c.get("reserved")}
    out["reserved"] = {f"{c['nr']:#04x}": c["name"] for c in abi["call"] if c.get("reserved")}
    out["exits"] = {e["name"]: {"nr": n, "class": e["class"]} for n, e in enumerate(abi["exit"])}
    out["structs"] = {s["name"]: {"size": s["size"],
                                  "fields": {n: f"{spec} at {offset}" for n, spec, offset in s["fields"]
                                             if not is_reserved(n)}}
                      for s in abi["struct"]}
    return out


def text(abi):
    """JSON with one promise a line, so that a diff names what has changed."""
    return json.dumps(of(abi), indent="\t") + "\n"


def differences(was, now, path):
    for key, value in was.items():
        where = f"{path}{key}"
        if key not in now:
            yield f"{where} is gone"
        elif isinstance(value, dict):
            yield from differences(value, now[key], where + ".")
        elif value != now[key]:
            yield f"{where} was {value}, is {now[key]}"


def compare(path, now):
    """Lines that name what is promised in the file and not kept by `now`."""
    with open(path, encoding="ascii") as f:
        was = json.load(f)
    version = was.pop("version")
    # A new major number may break what it likes; it says so in CHANGES.md.
    if now["version"]["major"] > version["major"]:
        return []
    return list(differences(was, now, ""))
