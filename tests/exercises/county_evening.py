#!/usr/bin/env python3
"""Writes county-evening.jsonl: python3 tests/exercises/county_evening.py > tests/exercises/county-evening.jsonl

A storm takes the county's links down for three days. Six phones go on recording about two hundred things,
then come back. Nobody in it is real. Every sealed text carries a word of its own (a bird and a number) that
must never stand at the relay. The output is the same every time.
"""

import json
import random
from datetime import datetime, timedelta

rng = random.Random(20260306)
START = datetime(2026, 3, 6, 17, 0)
now = START
canaries = []
BIRDS = "linnet heron dunlin siskin bittern curlew plover merlin redpoll whimbrel fieldfare wheatear".split()


def say(text):
    print("# " + text)


def do(verb, **arguments):
    step = {"do": verb}
    for name, value in arguments.items():
        step[{"as_": "as", "not_": "not"}.get(name, name)] = value
    print(json.dumps(step, ensure_ascii=False, separators=(",", ":")))


def at(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:00Z")


def clock(moment):
    global now
    now = moment
    do("time", at=at(moment))


def canary(text):
    """The text with a word of its own, which the relay must never hold."""
    word = f"{BIRDS[len(canaries) % len(BIRDS)]}-{len(canaries):03d}"
    canaries.append(word)
    return f"{text} {word}"


PRIVATE = [
    "Slept badly, the pager in my head.",
    "Better after the walk by the river.",
    "Kept seeing the stairwell.",
    "Tired, but the crew was good tonight.",
    "Argued at home over nothing.",
    "Could not eat after the shift.",
    "Called my brother, that helped.",
    "The smoke smell is still in the jacket.",
    "Quiet day, needed it.",
    "Hands shook at the second alarm.",
]
CONTACT = [
    "Talked on the tailboard after the call; wants quiet, not company.",
    "Sleep comes and goes; agreed on a walk tomorrow.",
    "Worried about the next night shift, otherwise steady.",
    "Spoke about the child; tears, then relief.",
    "Says it is fine; eyes say otherwise, look in again.",
    "Asked about leave; pointed to the handout.",
    "Drinks more than usual since the weekend; knows it.",
    "Laughing again. First time this week.",
    "Partner called too; both want the same thing.",
    "Prefers text messages to calls.",
]
TASK = [
    "Call before the night shift begins.",
    "Bring the sleep handout.",
    "Ask how the weekend at home went.",
    "Look in at the station, no fuss.",
    "Remind about the chaplain's number.",
]
ISSUES = ["critical_incident", "cumulative_stress", "shift_fatigue_sleep", "grief", "relationship_family",
          "moral_injury", "anxiety", "alcohol", "conflict_at_work", "spiritual"]
ZONES = ["ready", "reacting", "injured", "ill"]

say("County evening: a storm, three days without links, six phones, about two hundred records, one defusing.")
say("Written by county_evening.py; change that, not this. Nobody in it is real.")
clock(START)
do("team", id="county", policy={
    "jurisdiction": "neutral", "contact_notes_mode": "sealed_text", "k_min": 10,
    "crisis_numbers": {"988 Suicide and Crisis Lifeline (training data)": "988", "County peer line (training data)": "555-0100"}})
PEOPLE = [("amy", ["peer_supporter"], "station-4"), ("bo", ["facilitator_mhp"], None),
          ("cleo", ["coordinator"], None), ("dev", ["peer_supporter", "chaplain"], "station-9"),
          ("eli", ["responder"], "station-4"), ("fay", ["facilitator_mhp", "peer_supporter"], "station-2")]
for name, roles, unit in PEOPLE:
    member = {"id": name, "roles": roles}
    if unit:
        member["unit"] = unit
    do("member", **member)
    do("device", id=name + "1", member=name)
do("sync", device="*")

say("Friday, 19:10: a fire in an apartment house; two residents are not reached in time.")
clock(datetime(2026, 3, 6, 22, 20))
do("record", device="cleo1", as_="fire", record="incident", fields={
    "type": ["failed_rescue", "media_intense"], "occurred_start": "2026-03-06T19:10:00Z",
    "occurred_end": "2026-03-06T21:40:00Z", "severity": 3, "personnel_exposed": 34, "disciplines": ["fire", "ems"],
    "area": "north bank", "units": ["station-4", "station-9"], "requested_by_role": "incident_commander",
    "requested_at": "2026-03-06T21:55:00Z", "acknowledged_at": "2026-03-06T22:05:00Z", "status": "active",
    "time_quality": "exact"})
do("edit", device="cleo1", ref="fire", sealed={"narrative": canary("The back stair was gone before the second crew came.")})
do("record", device="cleo1", as_="defusing", record="intervention", fields={
    "kind": "defusing", "incident_id": "fire", "planned_start": "2026-03-07T02:30:00Z", "location_kind": "station",
    "voluntary": True, "homogeneous_group": True, "team_peers": 1, "team_mhp": 2})
do("assign", device="cleo1", ref="defusing", members=["bo", "fay"])
do("record", device="cleo1", as_="debriefing", record="intervention",
   fields={"kind": "cisd", "incident_id": "fire", "planned_start": "2026-03-09T18:00:00Z", "location_kind": "neutral"})
do("sync", device="*")
do("expect_window", device="bo1", ref="fire", intervention="defusing", state="ideal")
do("expect_window", device="bo1", ref="debriefing", state="early")

say("23:00: the storm takes the links down, for three days.")
clock(datetime(2026, 3, 6, 23, 0))
do("offline", device="*")

say("The defusing at 02:30: two facilitators type one note at the same time, neither sees the other.")
clock(datetime(2026, 3, 7, 2, 30))
do("edit", device="bo1", ref="defusing", fields={"started_at": "2026-03-07T02:30:00Z", "rules_read_at": "2026-03-07T02:34:00Z"})
NOTE = {}


def type_note(device, phase, at_, text):
    text = canary(text) + ". "
    NOTE.setdefault(phase, []).append(text)
    do("write", device=device, ref="defusing", phase=phase, insert={"at": at_, "text": text})
    return len(text)


n = type_note("bo1", "introduction", 0, "Ten came, two stood by the door; rules read aloud")
type_note("bo1", "introduction", n, "Nobody left")
type_note("fay1", "introduction", 0, "Coffee, phones off, the young one sits next to the captain")
n = type_note("bo1", "exploration", 0, "First crew told it in order, the stair, the shout, the withdrawal")
type_note("bo1", "exploration", n, "Second crew silent until asked about the hose")
n = type_note("fay1", "exploration", 0, "Anger at the hydrant, then at themselves")
type_note("fay1", "exploration", n, "One says he counted the windows")
type_note("bo1", "information", 0, "Handout two and the numbers")
type_note("fay1", "information", 0, "Sleep, food, no alcohol tonight, call a friend")
clock(datetime(2026, 3, 7, 3, 20))
do("edit", device="bo1", ref="defusing", fields={
    "ended_at": "2026-03-07T03:15:00Z", "duration_min": 45, "attendees_count": 12,
    "phases_done": ["introduction", "exploration"], "one_on_ones_triggered": 2, "outcome": "completed"})
do("edit", device="fay1", ref="defusing", fields={
    "phases_done": ["introduction", "information"], "one_on_ones_triggered": 1, "outcome": "partial",
    "referrals_count": 1, "team_self_debrief_done": True})

say("Three days: check-ins, contacts and tasks, each on the phone of whoever made it.")
checkins, contacts, tasks = [], [], []
MAKERS = {"amy1": "amy", "bo1": "bo", "dev1": "dev", "fay1": "fay"}


def check_in(device):
    name = f"k{len(checkins) + 1}"
    fields = {"zone": rng.choices(ZONES, [5, 5, 2, 1])[0], "sleep_hours": rng.randrange(4, 17) / 2,
              "mood": rng.randrange(2, 9), "stress": rng.randrange(1, 10), "energy": rng.randrange(0, 5)}
    fields["cause"] = sorted(rng.sample(["life_threat", "loss", "wear_and_tear", "home", "organizational"], rng.randrange(0, 3)))
    text = canary(rng.choice(PRIVATE))
    do("record", device=device, as_=name, record="check_in", fields=fields, sealed={"text": text})
    checkins.append((name, device, fields, text))


def contact(device):
    name = f"c{len(contacts) + 1}"
    began = now - timedelta(minutes=rng.randrange(30, 200))
    minutes = rng.choice([10, 15, 20, 25, 35, 45, 60, 75, 90, 130])
    fields = {"started_at": at(began), "duration_min": minutes, "mode": rng.choice(["in_person", "phone", "text", "ride_along"]),
              "contact_number": rng.choice(["first", "first", "repeat"]), "on_duty": rng.random() < 0.5}
    sealed = {"issues": sorted(rng.sample(ISSUES, rng.randrange(1, 4))), "initiated_by": rng.choice(["peer_outreach", "post_incident", "self_referral"]),
              "population": "responder", "zone_before": rng.choice(ZONES[1:]), "zone_after": rng.choice(ZONES[:3]),
              "text": canary(rng.choice(CONTACT))}
    if rng.random() < 0.4:
        sealed["incident_id"] = "fire"
    do("record", device=device, as_=name, record="peer_contact", fields=fields, sealed=sealed)
    contacts.append((name, device, fields, sealed, began))


def task(device):
    name = f"t{len(tasks) + 1}"
    due = now + timedelta(hours=rng.choice([24, 48, 168]))
    fields = {"kind": rng.choice(["call", "visit", "message"]), "due_at": at(due), "assignee": MAKERS[device], "priority": rng.randrange(0, 4)}
    do("record", device=device, as_=name, record="follow_up_task", fields=fields, sealed={"text": canary(rng.choice(TASK))})
    tasks.append((name, device, fields, due))


moment = datetime(2026, 3, 7, 8, 0)
for turn in range(24):
    clock(moment)
    for device in ("amy1", "dev1", "fay1", "bo1"):
        contact(device)
    check_in("eli1")
    check_in(("amy1", "dev1", "bo1", "fay1")[turn % 4])
    if turn % 2 == 0:
        check_in(("cleo1", "fay1", "dev1")[turn % 3])
    task(("amy1", "dev1", "fay1", "bo1")[turn % 4])
    if turn % 3 == 0:
        task(("dev1", "amy1")[turn % 2])
    if turn == 5:
        say("Urgent: the numbers are there at once, with no link.")
        do("record", device="dev1", as_="urgent", record="check_in", fields={"zone": "ill", "wants_contact": "urgent"},
           sealed={"text": canary("Not coping tonight.")})
        do("expect_shown", device="dev1", what="crisis_numbers")
    if turn == 8:
        say("Eli shows one check-in to Amy with its words, another to Dev without.")
        do("share", device="eli1", ref="k1", **{"with": "amy"}, text=True)
        do("share", device="eli1", ref=next(name for name, device, *_ in checkins[1:] if device == "eli1"), **{"with": "dev"}, text=False)
    if turn == 11:
        say("A second incident, reported by two people in their own words and numbers.")
        do("record", device="amy1", as_="crash", record="incident", fields={
            "type": ["victim_known"], "occurred_end": at(moment - timedelta(hours=2)), "severity": 2, "area": "ridge road",
            "disciplines": ["ems"], "units": ["station-4"]})
        do("record", device="fay1", as_="support", record="intervention", fields={"kind": "on_scene_support", "started_at": at(moment), "duration_min": 30, "attendees_count": 3})
    moment += timedelta(hours=2, minutes=30)

say("Edits: a contact grows longer, tasks get done, two people judge the fire differently.")
clock(datetime(2026, 3, 9, 22, 0))
do("edit", device=contacts[0][1], ref=contacts[0][0], fields={"duration_min": 150}, sealed={"text": canary("Longer than planned; stayed for the second cup.")})
for name, device, _, _ in tasks[:6]:
    do("edit", device=device, ref=name, fields={"state": "done", "done_day": "2026-03-09"})
do("edit", device="amy1", ref="fire", fields={"severity": 4, "type": ["failed_rescue", "media_intense", "victim_known"]})
do("edit", device="dev1", ref="fire", fields={"severity": 5, "type": ["failed_rescue", "media_intense", "prolonged_event"]})
do("record", device="cleo1", as_="order", record="follow_up_task", fields={
    "kind": "visit", "due_at": "2026-03-11T09:00:00Z", "assignee": "amy", "priority": 3})
do("expect_relay_never", text=canaries[:2], why="nothing that was sealed has reached the relay in clear")

say("Monday, 23:00: the links come back.")
clock(datetime(2026, 3, 9, 23, 0))
do("online", device="*")
do("sync", device="*")

say("Everything left, and every phone shows what it may.")
for name, _, _ in PEOPLE:
    do("expect_pending", device=name + "1", count=0)
staff = ["amy1", "bo1", "cleo1", "dev1", "fay1"]
do("expect_same", devices="*")
do("expect_same", devices=staff, why="incidents and interventions are the same on every staff phone")
do("expect_same", devices=["bo1", "fay1"], why="and the note on both facilitators' phones")
for device in ("bo1", "fay1"):
    for phase, texts in NOTE.items():
        do("expect", device=device, ref="defusing", phase=phase, contains=texts)
for device in ("amy1", "cleo1", "dev1"):
    do("expect_unreadable", device=device, ref="defusing")
do("expect", device="cleo1", ref="defusing", fields={
    "phases_done": ["exploration", "information", "introduction"], "one_on_ones_triggered": 3, "referrals_count": 1,
    "attendees": "10_19", "duration_min": 45})
do("expect_conflict", device="cleo1", ref="defusing", field="outcome", values=["completed", "partial"])
for device in staff:
    do("expect_conflict", device=device, ref="fire", field="severity", values=[4, 5])
do("expect", device="bo1", ref="fire", fields={"type": ["failed_rescue", "media_intense", "prolonged_event", "victim_known"], "status": "active"})
do("expect_unreadable", device="amy1", ref="fire")
do("expect_console", view="now", contains=["severity", "outcome", "completed", "partial"])

say("Shown to one, and only as far as was meant.")
first = checkins[0]
do("expect", device="amy1", ref="k1", fields={"zone": first[2]["zone"], "mood": first[2]["mood"]}, sealed={"text": first[3]})
second = next(c for c in checkins[1:] if c[1] == "eli1")
do("expect", device="dev1", ref=second[0], fields={"zone": second[2]["zone"]}, sealed={"text": None})
for device in ("bo1", "cleo1", "fay1"):
    do("expect_absent", device=device, ref="k1")
do("expect_absent", device="amy1", ref=second[0])
do("expect_absent", device="cleo1", ref="urgent")

say("Contacts and tasks are their author's; the coordinator sees the coarse header on the page only.")


def band(minutes):
    for limit, name in ((15, "under_15"), (30, "15_29"), (60, "30_59"), (120, "60_119")):
        if minutes < limit:
            return name
    return "120_plus"


do("expect", device=contacts[0][1], ref=contacts[0][0], fields={"duration_band": "120_plus", "duration_min": 150})
for name, device, fields, sealed, began in contacts[1::9]:
    do("expect", device=device, ref=name,
       fields={"day": began.strftime("%Y-%m-%d"), "duration_band": band(fields["duration_min"]), "mode": fields["mode"]},
       sealed={"issues": sealed["issues"], "text": sealed["text"], "zone_after": sealed["zone_after"]})
    do("expect_absent", device="cleo1", ref=name)
    do("expect_absent", device="bo1" if device != "bo1" else "amy1", ref=name)
for name, device, fields, due in tasks[:6]:
    do("expect", device=device, ref=name, fields={"state": "done", "due_day": due.strftime("%Y-%m-%d")})
do("expect", device="amy1", ref="order", fields={"kind": "visit", "due_day": "2026-03-11", "state": "open"})

say("The coordinator settles what two people saw differently, in one step each.")
do("edit", device="cleo1", ref="fire", fields={"severity": 5, "status": "monitoring"})
do("edit", device="cleo1", ref="defusing", fields={"outcome": "completed"})
do("sync", device="*")
for device in staff:
    do("expect", device=device, ref="fire", fields={"severity": 5, "status": "monitoring"})
    do("expect_no_conflict", device=device, ref="defusing")
do("expect_window", device="cleo1", ref="fire", intervention="defusing", state="ideal")
do("expect_window", device="cleo1", ref="debriefing", state="late")
do("expect_same", devices=staff)

say("What the page shows, and what the relay never held.")
do("expect_console", view="incidents", contains=["failed_rescue", "victim_known", "north bank", "ridge road", "monitoring"])
do("expect_console", view="incident", contains=["north bank", "defusing", "cisd", "10_19", "completed", "ideal", "late"])
do("expect_console", view="people", contains=["amy", "bo", "cleo", "dev", "fay"], not_=["eli"])
do("expect_console", view="now", contains=["visit"], not_=["Low-"] + canaries[:1])
for device in [name + "1" for name, _, _ in PEOPLE]:
    do("expect_pending", device=device, count=0)
do("expect_quarantine", count=0)
do("expect_relay_never", text=canaries + ["back stair", "tailboard", "second cup", "Not coping"],
   why="no sealed word stands in any file, log or answer of the relay")
