"""The generated Python bindings, used as an app would: run by `cargo xtask bindings python`.

Offline: makes a team in a temporary folder, records a check-in, lists it, opens the phone again, and
shows that a wrong key is refused and leaves the file as it was.
"""

import asyncio
import pathlib
import sys
import tempfile
import unittest

import mobile_ffi as aftercall


class KeyStore(aftercall.KeyVault):
    """A key store that wraps under one byte pattern, as a platform's would under a key in hardware."""

    def __init__(self, under):
        self.under = under
        self.locked = False

    def wrap(self, tier, key):
        return bytes(byte ^ self.under for byte in key)

    def unwrap(self, tier, wrapped):
        if self.locked and tier == aftercall.Tier.B:
            raise aftercall.VaultError.Absent()
        return self.wrap(tier, wrapped)

    def destroy(self, tier):
        self.locked = tier == aftercall.Tier.B


KEY = KeyStore(7)


def text(value):
    return aftercall.FieldValue.TEXT(value)


def staff(role, admin=False):
    return aftercall.NewMember(
        name="Ada", roles=[role], admin=admin, unit=None, supervises=[]
    )


class Phone(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = str(pathlib.Path(self.folder.name) / "phone.db")
        team = aftercall.NewTeam(
            # Nobody listens on the discard port: the network is down.
            relay="http://127.0.0.1:9",
            admin=staff("coordinator", admin=True),
            crisis_numbers={"line": "000"},
        )
        self.phone = aftercall.AftercallPhone.create_team(self.path, KEY, team)

    def reopen(self, key):
        self.phone = None
        return aftercall.AftercallPhone.open(self.path, key)

    def check_in(self):
        return self.check_in_on(self.phone)

    def check_in_on(self, phone):
        fields = {
            "zone": text("reacting"),
            "sleep_hours": aftercall.FieldValue.FRACTION(4.5),
            "cause": aftercall.FieldValue.SET(["loss", "home"]),
            "text": text("the bridge again"),
        }
        return phone.record("check_in", fields)

    def test_the_library_says_its_version(self):
        self.assertRegex(aftercall.version(), r"^\d+\.\d+\.\d+$")

    def test_a_check_in_is_recorded_and_listed(self):
        record = self.check_in()
        (listed,) = self.phone.list("check_in", None, 10)
        self.assertEqual(listed.id, record)
        self.assertEqual(listed.fields["zone"].value, text("reacting"))
        self.assertEqual(listed.fields["text"].value, text("the bridge again"))
        self.assertEqual(sorted(listed.fields["cause"].value.values), ["home", "loss"])
        self.assertFalse(listed.stored)
        self.assertGreater(self.phone.pending(), 0)

    def test_the_phone_opens_again_with_its_records_and_numbers(self):
        record = self.check_in()
        phone = self.reopen(KEY)
        self.assertEqual(phone.show(record).kind, "check_in")
        self.assertEqual(phone.crisis_numbers(), {"line": "000"})

    def test_a_locked_phone_shows_nothing_sealed_until_its_person_unlocks(self):
        record = self.check_in()
        phone, store = self.reopen(KEY), KEY
        self.assertFalse(phone.is_unlocked())
        self.assertEqual(phone.show(record).fields, {})
        self.check_in_on(phone)
        store.locked = True
        try:
            with self.assertRaises(aftercall.AftercallError.Locked) as refused:
                phone.unlock()
            self.assertEqual(refused.exception.code, "locked")
        finally:
            store.locked = False
        phone.unlock()
        self.assertEqual(phone.show(record).fields["text"].value, text("the bridge again"))
        self.assertEqual(len(phone.list("check_in", None, 10)), 2)

    def test_a_wrong_key_is_refused_and_the_file_stays_as_it_was(self):
        self.check_in()
        self.phone = None
        before = pathlib.Path(self.path).read_bytes()
        with self.assertRaises(aftercall.AftercallError.WrongKey) as refused:
            self.reopen(KeyStore(8))
        self.assertEqual(refused.exception.code, "wrong_key")
        self.assertEqual(pathlib.Path(self.path).read_bytes(), before)
        self.assertNotIn(b"the bridge again", before)

    def test_wrong_input_is_an_error_of_its_kind(self):
        with self.assertRaises(aftercall.AftercallError.Input):
            self.phone.record("check_in", {"zone": text("purple")})
        with self.assertRaises(aftercall.AftercallError.NotFound):
            self.phone.show("0" * 32)

    def test_syncing_without_a_network_is_an_error_and_keeps_everything(self):
        record = self.check_in()
        pending = self.phone.pending()
        with self.assertRaises(aftercall.AftercallError.TryLater) as refused:
            asyncio.run(self.phone.sync())
        self.assertEqual(refused.exception.code, "network_down")
        self.assertEqual(self.phone.pending(), pending)
        self.assertEqual(self.phone.show(record).kind, "check_in")


if __name__ == "__main__":
    outcome = unittest.main(exit=False, verbosity=2).result
    bad = len(outcome.failures) + len(outcome.errors)
    print(f"{outcome.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)
