"""A team at work through the generated Python bindings, over a real relay: run by `cargo xtask bindings python`.

Enrolled by invitation, recorded without a link, one note typed by two phones, a conflict shown and resolved, synced
while locked, and a removed phone refused. `AFTERCALL_PROGRAM` is the built relay.
"""

import asyncio
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import mobile_ffi as aftercall

PHASE = "defusing.exploration"


class KeyStore(aftercall.KeyVault):
    """Wraps under one byte pattern, as a platform's key store would under a key in hardware."""

    def wrap(self, tier, key):
        return bytes(byte ^ 0x5A for byte in key)

    def unwrap(self, tier, wrapped):
        return self.wrap(tier, wrapped)

    def destroy(self, tier):
        pass


class Relay:
    """The real relay, in a process of its own."""

    def __init__(self, data):
        self.data = str(data)
        arguments = ["serve", "--listen", "127.0.0.1:0", "--data", self.data]
        self.process = subprocess.Popen(
            [os.environ["AFTERCALL_PROGRAM"], *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        line = self.process.stdout.readline()
        self.url = next(word for word in line.split() if word.startswith("http://")).rstrip(".")

    def allow(self, team):
        program = [os.environ["AFTERCALL_PROGRAM"], "admin", "--data", self.data]
        subprocess.run([*program, "allow-team", team], check=True, stdout=subprocess.DEVNULL)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def text(value):
    return aftercall.FieldValue.TEXT(value)


def member(name, role, admin=False):
    return aftercall.NewMember(name=name, roles=[role], admin=admin, unit=None, supervises=[])


def sync(phone):
    return asyncio.run(phone.sync())


class Story(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.relay = Relay(self.folder / "relay")
        self.addCleanup(self.relay.end)
        team = aftercall.NewTeam(
            relay=self.relay.url, admin=member("Ada", "coordinator", admin=True), crisis_numbers={}
        )
        path = str(self.folder / "admin.db")
        self.admin = aftercall.AftercallPhone.create_team(path, KeyStore(), team)
        self.relay.allow(self.admin.status().team)
        sync(self.admin)

    def join(self, name, role):
        entered = self.admin.add_member(member(name, role))
        sync(self.admin)
        link = self.admin.invite(entered)
        sync(self.admin)
        path = str(self.folder / f"{name}.db")
        phone = aftercall.AftercallPhone.start_joining(path, KeyStore(), link)
        for _ in range(5):
            if asyncio.run(phone.ask_to_join()):
                break
            sync(self.admin)
        sync(phone)
        sync(self.admin)
        return phone

    def type(self, phone, record, at, remove, insert):
        change = aftercall.TextChange(at=at, remove=remove, insert=insert)
        phone.write_note(record, "exploration", change)

    def note(self, phone, record):
        (note,) = phone.notes(record)
        return note.phases[PHASE]

    def test_an_evening(self):
        amy, bo = self.join("amy", "peer_supporter"), self.join("bo", "facilitator_mhp")
        for phone in (amy, bo, self.admin, amy, bo):
            sync(phone)

        # Recorded without a link: nothing has left the phone.
        incident = amy.record(
            "incident",
            {"type": aftercall.FieldValue.SET(["failed_rescue"]), "occurred_end": text("2026-03-01T18:00:00Z")},
        )
        defusing = amy.record("intervention", {"kind": text("defusing")})
        self.assertGreater(amy.pending(), 0)
        amy.assign(defusing, [amy.status().member, bo.status().member])
        sync(amy)
        sync(bo)
        self.assertEqual(amy.pending(), 0)
        self.assertTrue(amy.show(incident).stored)

        # Two phones type one note; positions are characters, whatever they are made of.
        self.type(amy, defusing, 0, 0, "🙂 calm at the end")
        sync(amy)
        sync(bo)
        self.assertEqual(self.note(bo, defusing), "🙂 calm at the end")
        self.type(amy, defusing, 2, 4, "Quiet")
        self.type(bo, defusing, 17, 0, " 🚑")
        for phone in (amy, bo, amy):
            sync(phone)
        self.assertEqual(self.note(amy, defusing), "🙂 Quiet at the end 🚑")
        self.assertEqual(self.note(bo, defusing), self.note(amy, defusing))

        # Both rate the incident: both values are kept and shown, until one person decides.
        amy.edit(incident, {"severity": aftercall.FieldValue.WHOLE(3)})
        bo.edit(incident, {"severity": aftercall.FieldValue.WHOLE(5)})
        for phone in (amy, bo, amy):
            sync(phone)
        both = {value.value for value in amy.show(incident).fields["severity"].conflict}
        self.assertEqual(both, {3, 5})
        amy.edit(incident, {"severity": aftercall.FieldValue.WHOLE(5)})
        sync(amy)
        sync(bo)
        severity = bo.show(incident).fields["severity"]
        self.assertEqual((severity.value, severity.conflict), (aftercall.FieldValue.WHOLE(5), []))

        # A locked phone goes on syncing; what came meanwhile opens with the unlock.
        bo.lock()
        self.type(amy, defusing, 0, 1, "☎")
        sync(amy)
        self.assertGreater(sync(bo).received, 0)
        bo.unlock()
        self.assertEqual(self.note(bo, defusing), "☎ Quiet at the end 🚑")

        # A phone taken out of the team is refused, in words that say why.
        (lost,) = [d for d in self.admin.devices() if d.member == bo.status().member]
        self.admin.remove_device(lost.id)
        sync(self.admin)
        with self.assertRaises(aftercall.AftercallError) as refused:
            sync(bo)
        self.assertEqual(refused.exception.code, "device_removed")
        sync(amy)


if __name__ == "__main__":
    outcome = unittest.main(exit=False, verbosity=2).result
    bad = len(outcome.failures) + len(outcome.errors)
    print(f"{outcome.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)
