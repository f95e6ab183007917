/* A team at work through the generated Kotlin bindings, on the JVM, over a real relay: run by
 * `cargo xtask bindings kotlin`. The same story as story.py, with coroutines, cancellation, a wrong key, and many
 * calls at once. AFTERCALL_PROGRAM is the built relay; STORY_FOLDER an empty folder. */

import java.io.File
import kotlin.system.exitProcess
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import uniffi.mobile_ffi.*

private const val PHASE = "defusing.exploration"

/** Wraps under one byte pattern, as a platform's key store would under a key in hardware. */
class Store(private val under: Int) : KeyVault {
    override fun wrap(tier: Tier, key: ByteArray) = ByteArray(key.size) { (key[it].toInt() xor under).toByte() }

    override fun unwrap(tier: Tier, wrapped: ByteArray) = wrap(tier, wrapped)

    override fun destroy(tier: Tier) {}
}

/** The real relay, in a process of its own. */
class Relay(private val data: File) : AutoCloseable {
    private val program = System.getenv("AFTERCALL_PROGRAM")
    private val process =
        ProcessBuilder(program, "serve", "--listen", "127.0.0.1:0", "--data", data.path)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start()
    val url: String =
        process.inputStream.bufferedReader().readLine().split(' ').first { it.startsWith("http://") }.trimEnd('.')

    fun allow(team: String) {
        val done = ProcessBuilder(program, "admin", "--data", data.path, "allow-team", team)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor()
        check(done == 0) { "the relay takes the team" }
    }

    override fun close() {
        process.destroyForcibly().waitFor()
    }
}

private fun text(value: String) = FieldValue.Text(value)

private fun member(name: String, role: String, admin: Boolean = false) =
    NewMember(name = name, roles = listOf(role), admin = admin, unit = null, supervises = emptyList())

private fun <T> same(what: String, found: T, expected: T) {
    check(found == expected) { "$what: found $found, expected $expected" }
}

class Team(private val folder: File, relay: Relay) {
    val admin = AftercallPhone.createTeam(
        File(folder, "admin.db").path, Store(90),
        NewTeam(relay = relay.url, admin = member("Ada", "coordinator", admin = true), crisisNumbers = emptyMap()),
    )

    suspend fun join(name: String, role: String): AftercallPhone {
        val entered = admin.addMember(member(name, role))
        admin.sync()
        val link = admin.invite(entered)
        admin.sync()
        val phone = AftercallPhone.startJoining(File(folder, "$name.db").path, Store(90), link)
        var tries = 0
        while (!phone.askToJoin()) {
            check(tries++ < 5) { "$name is let in" }
            admin.sync()
        }
        phone.sync()
        admin.sync()
        return phone
    }
}

private fun type(phone: AftercallPhone, record: String, at: Int, remove: Int, insert: String) =
    phone.writeNote(record, "exploration", TextChange(at.toUInt(), remove.toUInt(), insert))

private fun note(phone: AftercallPhone, record: String) = phone.notes(record).single().phases[PHASE]

private suspend fun story(folder: File) = Relay(File(folder, "relay")).use { relay ->
    val team = Team(folder, relay)
    val admin = team.admin
    relay.allow(admin.status().team)
    admin.sync()
    val amy = team.join("amy", "peer_supporter")
    val bo = team.join("bo", "facilitator_mhp")
    for (phone in listOf(amy, bo, admin, amy, bo)) phone.sync()

    // Recorded without a link: nothing has left the phone.
    val incident = amy.record(
        "incident",
        mapOf("type" to FieldValue.Set(listOf("failed_rescue")), "occurred_end" to text("2026-03-01T18:00:00Z")),
    )
    val defusing = amy.record("intervention", mapOf("kind" to text("defusing")))
    check(amy.pending() > 0u) { "it waits on the phone" }
    amy.assign(defusing, listOf(amy.status().member, bo.status().member))

    // A sync that the app ends early loses nothing.
    val early = runBlocking(Dispatchers.IO) {
        val job = launch { amy.sync() }
        delay(1)
        job.cancelAndJoin()
        job
    }
    check(early.isCompleted) { "it ends" }
    amy.sync()
    bo.sync()
    same("waiting", amy.pending(), 0uL)
    check(amy.show(incident).stored) { "the relay has it" }

    // Two phones type one note; positions are characters, whatever they are made of.
    type(amy, defusing, 0, 0, "🙂 calm at the end")
    amy.sync()
    bo.sync()
    same("the note", note(bo, defusing), "🙂 calm at the end")
    type(amy, defusing, 2, 4, "Quiet")
    type(bo, defusing, 17, 0, " 🚑")
    for (phone in listOf(amy, bo, amy)) phone.sync()
    same("amy's note", note(amy, defusing), "🙂 Quiet at the end 🚑")
    same("bo's note", note(bo, defusing), note(amy, defusing))

    // Both rate the incident: both values are kept and shown, until one person decides.
    amy.edit(incident, mapOf("severity" to FieldValue.Whole(3)))
    bo.edit(incident, mapOf("severity" to FieldValue.Whole(5)))
    for (phone in listOf(amy, bo, amy)) phone.sync()
    val both = amy.show(incident).fields.getValue("severity").conflict.toSet()
    same("the conflict", both, setOf<FieldValue>(FieldValue.Whole(3), FieldValue.Whole(5)))
    amy.edit(incident, mapOf("severity" to FieldValue.Whole(5)))
    amy.sync()
    bo.sync()
    val severity = bo.show(incident).fields.getValue("severity")
    same("the severity", severity, Field(FieldValue.Whole(5), emptyList()))

    // A locked phone goes on syncing; what came meanwhile opens with the unlock.
    bo.lock()
    type(amy, defusing, 0, 1, "☎")
    amy.sync()
    check(bo.sync().received > 0u) { "it arrives" }
    bo.unlock()
    same("the note after the unlock", note(bo, defusing), "☎ Quiet at the end 🚑")

    // A hundred calls at once, from many threads.
    val made = runBlocking(Dispatchers.Default) {
        (1..100).map { async { bo.record("check_in", mapOf("zone" to text("ready"))) } }.awaitAll()
    }
    same("check-ins", made.toSet().size, 100)
    same("check-ins listed", bo.list("check_in", null, 200u).size, 100)

    // What is wrong says so, by what the app can do about it.
    check(runCatching { bo.record("check_in", mapOf("zone" to text("purple"))) }.exceptionOrNull() is AftercallException.Input)
    check(runCatching { bo.show("0".repeat(32)) }.exceptionOrNull() is AftercallException.NotFound)

    // A phone taken out of the team is refused, in words that say why.
    val lost = admin.devices().single { it.member == bo.status().member }
    admin.removeDevice(lost.id)
    admin.sync()
    val refused = runCatching { bo.sync() }.exceptionOrNull()
    same("the refusal", (refused as? AftercallException.Trust)?.code, "device_removed")
    amy.sync()

    // A wrong key opens nothing and changes nothing.
    val file = File(folder, "amy.db")
    amy.close()
    val before = file.readBytes()
    check(runCatching { AftercallPhone.open(file.path, Store(91)) }.exceptionOrNull() is AftercallException.WrongKey)
    check(file.readBytes().contentEquals(before)) { "the file stays as it was" }
    check(!String(before, Charsets.ISO_8859_1).contains("at the end")) { "and says nothing" }
    val again = AftercallPhone.open(file.path, Store(90))
    again.unlock()
    same("the note once more", note(again, defusing), "☎ Quiet at the end 🚑")
}

fun main() {
    val ended = runCatching { runBlocking { story(File(System.getenv("STORY_FOLDER"))) } }
    ended.exceptionOrNull()?.printStackTrace()
    println(if (ended.isSuccess) "1 passed, 0 failed" else "0 passed, 1 failed")
    exitProcess(if (ended.isSuccess) 0 else 1)
}
