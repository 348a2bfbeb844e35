"""The report in JUnit's XML: a suite for each gate, a case for each rule and resource. Pure."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree as Xml

from policies.report.shape import FindingEntry, GateEntry, Record, RuleEntry, borne, kind


def text(record: Record) -> str:
    """Return the XML. A gate that was not run is a case that was skipped, with the reason."""
    rules = {rule["id"]: rule for rule in record["rules"]}
    root = Xml.Element("testsuites", name=f"cnai check {record['stack']}")
    for gate in record["gates"]:
        root.append(_suite(gate, record, rules))
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    Xml.indent(root)
    written: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return written.decode() + "\n"


def _suite(gate: GateEntry, record: Record, rules: dict[str, RuleEntry]) -> Xml.Element:
    suite = Xml.Element("testsuite", name=gate["gate"], timestamp=record["date"].removesuffix("Z"))
    if not gate["ran"]:
        case = Xml.SubElement(suite, "testcase", classname=gate["gate"], name="the gate was run")
        Xml.SubElement(case, "skipped", message=f"not run: {gate['reason']}")
    for finding in record["findings"]:
        if finding["gate"] == gate["gate"]:
            suite.append(_case(finding, rules[finding["rule"]]))
    found = Counter(inner.tag for case in suite for inner in case)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(found["failure"]))
    suite.set("errors", "0")
    suite.set("skipped", str(found["skipped"]))
    return suite


def _case(finding: FindingEntry, rule: RuleEntry) -> Xml.Element:
    what = finding["resource"] or "settings"
    of = f"{what} ({kind(finding)})" if finding["type"] else what
    case = Xml.Element("testcase", classname=rule["id"], name=f"{rule['title']}: {of}")
    said = "; ".join(finding["messages"])
    if finding["outcome"] == "failed":
        failure = Xml.SubElement(case, "failure", message=said, type=rule["severity"])
        failure.text = "\n".join([*finding["messages"], rule["remedy"]])
    elif finding["outcome"] == "undecided":
        Xml.SubElement(case, "skipped", message=f"undecided: {said}")
    elif waiver := finding["waiver"]:
        Xml.SubElement(case, "skipped", message=f"waived by {borne(waiver)}: {said}")
    return case
