/*
 * andon in C++17: header only, over andon.h, whose comments and docs/c-api.md hold here too.
 *
 * Objects are move-only and end what they own. Nothing throws: what can fail returns andon::Result, with the status and the words of andon_last_error. Where exceptions are on,
 * Result::value throws andon::Error for a failure; where they are off (-fno-exceptions), it ends the process.
 * Callbacks may throw: it is caught at the border, ends nothing, and the callback counts as one that did nothing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef ANDON_HPP
#define ANDON_HPP

#include "andon.h"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#define ANDON_EXCEPTIONS 1
#include <stdexcept>
#else
#define ANDON_EXCEPTIONS 0
#endif

namespace andon {

/** What a call came to: the numbers of `andon_status`, and more of them in later versions. */
enum class Status : andon_status {
    Ok = 0,
    NoEvent = 1,
    Ended = 2,
    NotFound = 3,
    Cancelled = 4,
    NullArgument = 10,
    BadHandle = 11,
    BadStructSize = 12,
    BadUtf8 = 13,
    BadEncoding = 14,
    BadArgument = 15,
    Spent = 16,
    EventsOff = 17,
    Forked = 18,
    NotSupported = 19,
    LoggerTaken = 20,
    BadConfig = 30,
    BadJson = 31,
    TableFull = 32,
    CodeTaken = 33,
    BadEquipment = 34,
    BadTag = 35,
    BadTopic = 36,
    BadHeader = 37,
    BadCredential = 38,
    BadSession = 39,
    CannotListen = 40,
    BadStore = 41,
    System = 42,
    Full = 50,
    Stopped = 51,
    Refused = 52,
    TimedOut = 53,
    Busy = 60,
    UnknownEquipment = 61,
    UnknownTag = 62,
    OtherEquipment = 63,
    WrongKind = 64,
    TextTooLong = 65,
    TooManyWrites = 66,
    StoreNoDirectory = 70,
    StoreDenied = 71,
    StoreNotAFile = 72,
    StoreInUse = 73,
    StoreLocked = 74,
    StoreNotADatabase = 75,
    StoreNotARecording = 76,
    StoreCorrupt = 77,
    StoreNewer = 78,
    StoreDiskFull = 79,
    Panic = 90,
};

static_assert(andon_status(Status::Ok) == ANDON_STATUS_OK, "pinned");
static_assert(andon_status(Status::NoEvent) == ANDON_STATUS_NO_EVENT, "pinned");
static_assert(andon_status(Status::Ended) == ANDON_STATUS_ENDED, "pinned");
static_assert(andon_status(Status::NotFound) == ANDON_STATUS_NOT_FOUND, "pinned");
static_assert(andon_status(Status::Cancelled) == ANDON_STATUS_CANCELLED, "pinned");
static_assert(andon_status(Status::NullArgument) == ANDON_STATUS_NULL_ARGUMENT, "pinned");
static_assert(andon_status(Status::BadHandle) == ANDON_STATUS_BAD_HANDLE, "pinned");
static_assert(andon_status(Status::BadStructSize) == ANDON_STATUS_BAD_STRUCT_SIZE, "pinned");
static_assert(andon_status(Status::BadUtf8) == ANDON_STATUS_BAD_UTF8, "pinned");
static_assert(andon_status(Status::BadEncoding) == ANDON_STATUS_BAD_ENCODING, "pinned");
static_assert(andon_status(Status::BadArgument) == ANDON_STATUS_BAD_ARGUMENT, "pinned");
static_assert(andon_status(Status::Spent) == ANDON_STATUS_SPENT, "pinned");
static_assert(andon_status(Status::EventsOff) == ANDON_STATUS_EVENTS_OFF, "pinned");
static_assert(andon_status(Status::Forked) == ANDON_STATUS_FORKED, "pinned");
static_assert(andon_status(Status::NotSupported) == ANDON_STATUS_NOT_SUPPORTED, "pinned");
static_assert(andon_status(Status::LoggerTaken) == ANDON_STATUS_LOGGER_TAKEN, "pinned");
static_assert(andon_status(Status::BadConfig) == ANDON_STATUS_BAD_CONFIG, "pinned");
static_assert(andon_status(Status::BadJson) == ANDON_STATUS_BAD_JSON, "pinned");
static_assert(andon_status(Status::TableFull) == ANDON_STATUS_TABLE_FULL, "pinned");
static_assert(andon_status(Status::CodeTaken) == ANDON_STATUS_CODE_TAKEN, "pinned");
static_assert(andon_status(Status::BadEquipment) == ANDON_STATUS_BAD_EQUIPMENT, "pinned");
static_assert(andon_status(Status::BadTag) == ANDON_STATUS_BAD_TAG, "pinned");
static_assert(andon_status(Status::BadTopic) == ANDON_STATUS_BAD_TOPIC, "pinned");
static_assert(andon_status(Status::BadHeader) == ANDON_STATUS_BAD_HEADER, "pinned");
static_assert(andon_status(Status::BadCredential) == ANDON_STATUS_BAD_CREDENTIAL, "pinned");
static_assert(andon_status(Status::BadSession) == ANDON_STATUS_BAD_SESSION, "pinned");
static_assert(andon_status(Status::CannotListen) == ANDON_STATUS_CANNOT_LISTEN, "pinned");
static_assert(andon_status(Status::BadStore) == ANDON_STATUS_BAD_STORE, "pinned");
static_assert(andon_status(Status::System) == ANDON_STATUS_SYSTEM, "pinned");
static_assert(andon_status(Status::Full) == ANDON_STATUS_FULL, "pinned");
static_assert(andon_status(Status::Stopped) == ANDON_STATUS_STOPPED, "pinned");
static_assert(andon_status(Status::Refused) == ANDON_STATUS_REFUSED, "pinned");
static_assert(andon_status(Status::TimedOut) == ANDON_STATUS_TIMED_OUT, "pinned");
static_assert(andon_status(Status::Busy) == ANDON_STATUS_BUSY, "pinned");
static_assert(andon_status(Status::UnknownEquipment) == ANDON_STATUS_UNKNOWN_EQUIPMENT, "pinned");
static_assert(andon_status(Status::UnknownTag) == ANDON_STATUS_UNKNOWN_TAG, "pinned");
static_assert(andon_status(Status::OtherEquipment) == ANDON_STATUS_OTHER_EQUIPMENT, "pinned");
static_assert(andon_status(Status::WrongKind) == ANDON_STATUS_WRONG_KIND, "pinned");
static_assert(andon_status(Status::TextTooLong) == ANDON_STATUS_TEXT_TOO_LONG, "pinned");
static_assert(andon_status(Status::TooManyWrites) == ANDON_STATUS_TOO_MANY_WRITES, "pinned");
static_assert(andon_status(Status::StoreNoDirectory) == ANDON_STATUS_STORE_NO_DIRECTORY, "pinned");
static_assert(andon_status(Status::StoreDenied) == ANDON_STATUS_STORE_DENIED, "pinned");
static_assert(andon_status(Status::StoreNotAFile) == ANDON_STATUS_STORE_NOT_A_FILE, "pinned");
static_assert(andon_status(Status::StoreInUse) == ANDON_STATUS_STORE_IN_USE, "pinned");
static_assert(andon_status(Status::StoreLocked) == ANDON_STATUS_STORE_LOCKED, "pinned");
static_assert(andon_status(Status::StoreNotADatabase) == ANDON_STATUS_STORE_NOT_A_DATABASE, "pinned");
static_assert(andon_status(Status::StoreNotARecording) == ANDON_STATUS_STORE_NOT_A_RECORDING, "pinned");
static_assert(andon_status(Status::StoreCorrupt) == ANDON_STATUS_STORE_CORRUPT, "pinned");
static_assert(andon_status(Status::StoreNewer) == ANDON_STATUS_STORE_NEWER, "pinned");
static_assert(andon_status(Status::StoreDiskFull) == ANDON_STATUS_STORE_DISK_FULL, "pinned");
static_assert(andon_status(Status::Panic) == ANDON_STATUS_PANIC, "pinned");

/** What a tag holds. */
enum class Kind : andon_tag_kind { Bool = 1, I64 = 2, F64 = 3, Text = 4 };
static_assert(andon_tag_kind(Kind::Bool) == ANDON_KIND_BOOL && andon_tag_kind(Kind::I64) == ANDON_KIND_I64, "pinned");
static_assert(andon_tag_kind(Kind::F64) == ANDON_KIND_F64 && andon_tag_kind(Kind::Text) == ANDON_KIND_TEXT, "pinned");

/** What equipment is doing, where the host knows better than its tags tell. */
enum class EquipmentStatus : andon_equipment_status { ByTags = 0, Running = 1, Idle = 2, Stopped = 3, Error = 4, Disconnected = 5 };
static_assert(andon_equipment_status(EquipmentStatus::ByTags) == ANDON_EQUIPMENT_BY_TAGS, "pinned");
static_assert(andon_equipment_status(EquipmentStatus::Running) == ANDON_EQUIPMENT_RUNNING, "pinned");
static_assert(andon_equipment_status(EquipmentStatus::Idle) == ANDON_EQUIPMENT_IDLE, "pinned");
static_assert(andon_equipment_status(EquipmentStatus::Stopped) == ANDON_EQUIPMENT_STOPPED, "pinned");
static_assert(andon_equipment_status(EquipmentStatus::Error) == ANDON_EQUIPMENT_ERROR, "pinned");
static_assert(andon_equipment_status(EquipmentStatus::Disconnected) == ANDON_EQUIPMENT_DISCONNECTED, "pinned");

/** The encoding of codes and names. */
enum class Encoding : andon_encoding { Utf8 = 0, Cp949 = 1 };
static_assert(andon_encoding(Encoding::Utf8) == ANDON_ENCODING_UTF8 && andon_encoding(Encoding::Cp949) == ANDON_ENCODING_CP949, "pinned");

/** How a server stopped. */
enum class HowStopped : andon_stopped { Clean = 0, Forced = 1, Abandoned = 2, Requested = 3 };
static_assert(andon_stopped(HowStopped::Clean) == ANDON_STOPPED_CLEAN && andon_stopped(HowStopped::Forced) == ANDON_STOPPED_FORCED, "pinned");
static_assert(andon_stopped(HowStopped::Abandoned) == ANDON_STOPPED_ABANDONED && andon_stopped(HowStopped::Requested) == ANDON_STOPPED_REQUESTED, "pinned");

/** How a device's session is, or how it ended. */
enum class SessionStatus : andon_session_status { Active = 1, Completed = 2, AutoEnded = 3, Disconnected = 4, Timeout = 5, Stopped = 6, EndedByHost = 7, Interrupted = 8 };
static_assert(andon_session_status(SessionStatus::Active) == ANDON_SESSION_ACTIVE, "pinned");
static_assert(andon_session_status(SessionStatus::Completed) == ANDON_SESSION_COMPLETED, "pinned");
static_assert(andon_session_status(SessionStatus::AutoEnded) == ANDON_SESSION_AUTO_ENDED, "pinned");
static_assert(andon_session_status(SessionStatus::Disconnected) == ANDON_SESSION_DISCONNECTED, "pinned");
static_assert(andon_session_status(SessionStatus::Timeout) == ANDON_SESSION_TIMEOUT, "pinned");
static_assert(andon_session_status(SessionStatus::Stopped) == ANDON_SESSION_STOPPED, "pinned");
static_assert(andon_session_status(SessionStatus::EndedByHost) == ANDON_SESSION_ENDED_BY_HOST, "pinned");
static_assert(andon_session_status(SessionStatus::Interrupted) == ANDON_SESSION_INTERRUPTED, "pinned");

/** What a person is in a guided session. */
enum class Role : andon_role { Student = 1, Instructor = 2 };
static_assert(andon_role(Role::Student) == ANDON_ROLE_STUDENT, "pinned");
static_assert(andon_role(Role::Instructor) == ANDON_ROLE_INSTRUCTOR, "pinned");

/** What is done with a guided session. */
enum class StepAction : andon_step_action { Start = 1, Pause = 2, Resume = 3, End = 4 };
static_assert(andon_step_action(StepAction::Start) == ANDON_STEP_START, "pinned");
static_assert(andon_step_action(StepAction::Pause) == ANDON_STEP_PAUSE, "pinned");
static_assert(andon_step_action(StepAction::Resume) == ANDON_STEP_RESUME, "pinned");
static_assert(andon_step_action(StepAction::End) == ANDON_STEP_END, "pinned");

/** How a guided session is. */
enum class GuidedStatus : andon_guided_status { InProgress = 1, Paused = 2, Ended = 3 };
static_assert(andon_guided_status(GuidedStatus::InProgress) == ANDON_GUIDED_IN_PROGRESS, "pinned");
static_assert(andon_guided_status(GuidedStatus::Paused) == ANDON_GUIDED_PAUSED, "pinned");
static_assert(andon_guided_status(GuidedStatus::Ended) == ANDON_GUIDED_ENDED, "pinned");

/** How a participant of a guided session is. */
enum class ParticipantStatus : andon_participant_status { Waiting = 1, Active = 2, Completed = 3, Disconnected = 4 };
static_assert(andon_participant_status(ParticipantStatus::Waiting) == ANDON_PARTICIPANT_WAITING, "pinned");
static_assert(andon_participant_status(ParticipantStatus::Active) == ANDON_PARTICIPANT_ACTIVE, "pinned");
static_assert(andon_participant_status(ParticipantStatus::Completed) == ANDON_PARTICIPANT_COMPLETED, "pinned");
static_assert(andon_participant_status(ParticipantStatus::Disconnected) == ANDON_PARTICIPANT_DISCONNECTED, "pinned");

/** How samples are exported. */
enum class ExportFormat : andon_export_format { JsonLines = 1, Csv = 2 };
static_assert(andon_export_format(ExportFormat::JsonLines) == ANDON_EXPORT_JSON_LINES, "pinned");
static_assert(andon_export_format(ExportFormat::Csv) == ANDON_EXPORT_CSV, "pinned");

/** How a token is signed. */
enum class JwtAlgorithm : andon_jwt_algorithm { Hs256 = 1, Rs256 = 2, Es256 = 3, EdDSA = 4 };
static_assert(andon_jwt_algorithm(JwtAlgorithm::Hs256) == ANDON_JWT_HS256, "pinned");
static_assert(andon_jwt_algorithm(JwtAlgorithm::Rs256) == ANDON_JWT_RS256, "pinned");
static_assert(andon_jwt_algorithm(JwtAlgorithm::Es256) == ANDON_JWT_ES256, "pinned");
static_assert(andon_jwt_algorithm(JwtAlgorithm::EdDSA) == ANDON_JWT_EDDSA, "pinned");

/** A failure: its number, and what it was about. */
struct Failure {
    Status status = Status::Ok;
    std::string what;
};

#if ANDON_EXCEPTIONS
/** What Result::value throws. */
class Error : public std::runtime_error {
public:
    explicit Error(const Failure& failure) : std::runtime_error(failure.what), status_(failure.status) {}
    [[nodiscard]] Status status() const noexcept { return status_; }

private:
    Status status_;
};
#endif

namespace detail {

[[noreturn]] inline void fail(const Failure& failure) {
#if ANDON_EXCEPTIONS
    throw Error(failure);
#else
    (void)failure;
    std::abort();
#endif
}

[[nodiscard]] inline Failure failure(andon_status status) {
    std::string what = andon_status_text(status);
    const char* more = andon_last_error();
    if (*more != 0) what.append(": ").append(more);
    return Failure{Status(status), std::move(what)};
}

[[nodiscard]] inline andon_str text(std::string_view text) noexcept {
    return andon_str{text.data(), text.size()};
}

[[nodiscard]] inline andon_bytes bytes(std::string_view bytes) noexcept {
    return andon_bytes_of(bytes.data(), bytes.size());
}

[[nodiscard]] inline std::string_view view(andon_str text) noexcept {
    return {text.data, text.length};
}

[[nodiscard]] inline std::string_view view(andon_bytes bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data), bytes.length};
}

/** Runs a callback of the host, of which nothing may leave. */
template <class F>
void guarded(F&& body) noexcept {
#if ANDON_EXCEPTIONS
    try {
        body();
    } catch (...) {
    }
#else
    body();
#endif
}

[[nodiscard]] inline std::uint32_t millis(std::chrono::milliseconds time) noexcept {
    if (time.count() <= 0) return 0;
    return time.count() >= std::int64_t(ANDON_FOREVER) ? ANDON_FOREVER - 1 : std::uint32_t(time.count());
}

} // namespace detail

/** A value, or why there is none. */
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : inner_(std::move(value)) {}
    Result(Failure failure) : inner_(std::move(failure)) {}

    [[nodiscard]] bool ok() const noexcept { return inner_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }
    [[nodiscard]] Status status() const noexcept { return ok() ? Status::Ok : std::get_if<1>(&inner_)->status; }
    /** What went wrong; empty if nothing did. */
    [[nodiscard]] std::string_view what() const noexcept { return ok() ? std::string_view() : std::get_if<1>(&inner_)->what; }
    /** The value; throws Error, or ends the process, if there is none. */
    [[nodiscard]] T& value() & {
        if (!ok()) detail::fail(*std::get_if<1>(&inner_));
        return *std::get_if<0>(&inner_);
    }
    [[nodiscard]] T value() && {
        if (!ok()) detail::fail(*std::get_if<1>(&inner_));
        return std::move(*std::get_if<0>(&inner_));
    }

private:
    std::variant<T, Failure> inner_;
};

/** Success, or why not. */
template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Failure failure) : failure_(std::move(failure)) {}
    [[nodiscard]] static Result of(andon_status status) { return status == ANDON_STATUS_OK ? Result() : Result(detail::failure(status)); }

    [[nodiscard]] bool ok() const noexcept { return failure_.status == Status::Ok; }
    explicit operator bool() const noexcept { return ok(); }
    [[nodiscard]] Status status() const noexcept { return failure_.status; }
    [[nodiscard]] std::string_view what() const noexcept { return failure_.what; }
    /** Throws Error, or ends the process, unless all is well. */
    void value() const {
        if (!ok()) detail::fail(failure_);
    }

private:
    Failure failure_;
};

/** A tag, with its type: bool, std::int64_t, double or std::string_view. A plain value, for any thread. */
template <class T>
struct Tag {
    andon_tag id{};
};

namespace detail {
template <class T> struct KindOf;
template <> struct KindOf<bool> { static constexpr andon_tag_kind value = ANDON_KIND_BOOL; };
template <> struct KindOf<std::int64_t> { static constexpr andon_tag_kind value = ANDON_KIND_I64; };
template <> struct KindOf<double> { static constexpr andon_tag_kind value = ANDON_KIND_F64; };
template <> struct KindOf<std::string_view> { static constexpr andon_tag_kind value = ANDON_KIND_TEXT; };
} // namespace detail

/** One write of Tags::update; made by `to` and `status_of`. */
using Write = andon_tag_write;

template <class T>
[[nodiscard]] Write to(Tag<T> tag, T value) noexcept {
    Write write{};
    write.tag = tag.id;
    write.kind = detail::KindOf<T>::value;
    if constexpr (std::is_same_v<T, bool>) write.value.boolean = value;
    else if constexpr (std::is_same_v<T, std::int64_t>) write.value.i64 = value;
    else if constexpr (std::is_same_v<T, double>) write.value.f64 = value;
    else write.value.text = detail::text(value);
    return write;
}

/** One equipment. A plain value, for any thread. */
struct Equipment {
    andon_equipment id{};

    [[nodiscard]] Tag<bool> status_tag() const noexcept { return {andon_tag{id, ANDON_TAG_STATUS}}; }
    [[nodiscard]] Tag<bool> error_tag() const noexcept { return {andon_tag{id, ANDON_TAG_ERROR}}; }
    [[nodiscard]] Tag<bool> connection() const noexcept { return {andon_tag{id, ANDON_TAG_CONNECTION}}; }
    [[nodiscard]] Write status(EquipmentStatus status) const noexcept {
        Write write{};
        write.tag.equipment = id;
        write.kind = ANDON_KIND_STATUS;
        write.value.i64 = andon_equipment_status(status);
        return write;
    }
};

/** A tag to be declared. */
struct TagSpec {
    std::string_view name;
    Kind kind;
};

/** A tag table. The writes (set, update, touch, set_status, source_lost, source_back) are for real-time threads; the rest is not. */
class Tags {
public:
    [[nodiscard]] static Result<Tags> make(std::size_t equipment = 0, std::size_t tags_each = 0) {
        andon_tags_options options = ANDON_TAGS_OPTIONS_INIT;
        options.equipment = equipment;
        options.tags_each = tags_each;
        andon_tags* made = nullptr;
        const andon_status status = andon_tags_new(&options, &made);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return Tags(made);
    }

    /** Declares equipment. `stale_after`: after how long without a write it is shown as disconnected; none: never. */
    [[nodiscard]] Result<Equipment> declare(std::string_view code, std::string_view name, std::initializer_list<TagSpec> tags,
                                            std::optional<std::chrono::milliseconds> stale_after, Encoding encoding = Encoding::Utf8,
                                            std::size_t room_for_tags = 0) const {
        std::vector<andon_tag_options> own;
        for (const TagSpec& tag : tags) own.push_back({detail::text(tag.name), andon_tag_kind(tag.kind)});
        andon_equipment_options options = ANDON_EQUIPMENT_OPTIONS_INIT;
        options.code = detail::text(code);
        options.name = detail::text(name);
        options.tags = own.data();
        options.tags_count = own.size();
        options.room_for_tags = room_for_tags;
        options.stale_after_ms = stale_after ? detail::millis(*stale_after) : ANDON_FOREVER;
        options.encoding = andon_encoding(encoding);
        Equipment made;
        const andon_status status = andon_tags_declare(raw_.get(), &options, &made.id);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return made;
    }

    /** The equipment's tag of this name, if it holds a T. */
    template <class T>
    [[nodiscard]] Result<Tag<T>> tag(Equipment equipment, std::string_view name, Encoding encoding = Encoding::Utf8) const {
        Tag<T> found;
        const andon_status status =
            andon_equipment_tag(raw_.get(), equipment.id, detail::text(name), andon_encoding(encoding), detail::KindOf<T>::value, &found.id);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return found;
    }

    [[nodiscard]] Status set(Tag<bool> tag, bool value) const noexcept { return Status(andon_tag_set_bool(raw_.get(), tag.id, value)); }
    [[nodiscard]] Status set(Tag<std::int64_t> tag, std::int64_t value) const noexcept { return Status(andon_tag_set_i64(raw_.get(), tag.id, value)); }
    [[nodiscard]] Status set(Tag<double> tag, double value) const noexcept { return Status(andon_tag_set_f64(raw_.get(), tag.id, value)); }
    [[nodiscard]] Status set(Tag<std::string_view> tag, std::string_view value) const noexcept {
        return Status(andon_tag_set_text(raw_.get(), tag.id, detail::text(value)));
    }
    [[nodiscard]] Status update(Equipment equipment, const Write* writes, std::size_t count) const noexcept {
        return Status(andon_tags_update(raw_.get(), equipment.id, writes, count));
    }
    [[nodiscard]] Status update(Equipment equipment, std::initializer_list<Write> writes) const noexcept {
        return update(equipment, writes.begin(), writes.size());
    }
    [[nodiscard]] Status update_at(std::int64_t time_ms, Equipment equipment, std::initializer_list<Write> writes) const noexcept {
        return Status(andon_tags_update_at(raw_.get(), time_ms, equipment.id, writes.begin(), writes.size()));
    }
    [[nodiscard]] Status touch(Equipment equipment) const noexcept { return Status(andon_tags_touch(raw_.get(), equipment.id)); }
    [[nodiscard]] Status set_status(Equipment equipment, EquipmentStatus status) const noexcept {
        return Status(andon_tags_set_status(raw_.get(), equipment.id, andon_equipment_status(status)));
    }
    void source_lost() const noexcept { (void)andon_tags_source_lost(raw_.get()); }
    void source_back() const noexcept { (void)andon_tags_source_back(raw_.get()); }

    [[nodiscard]] const andon_tags* raw() const noexcept { return raw_.get(); }

private:
    struct Free {
        void operator()(andon_tags* tags) const noexcept { andon_tags_free(tags); }
    };
    explicit Tags(andon_tags* raw) noexcept : raw_(raw) {}
    std::unique_ptr<andon_tags, Free> raw_;
};

/** What an event tells; texts live as long as the Event. */
using Opened = andon_event_opened;
using Closed = andon_event_closed;
using Asked = andon_event_asked;
using ContractSaid = andon_event_contract;
using HubRefresh = andon_event_refresh;
using Staleness = andon_event_staleness;
using MountRetired = andon_event_retired;
using StoreState = andon_event_store;
using Refused = andon_event_refused;
using DeviceRegistered = andon_event_registered;
/** A device's session has begun. */
struct SessionCreated : andon_event_session {};
/** A device's session has ended. */
struct SessionEnded : andon_event_session {};
using SampleArrived = andon_event_sample;
using GuidedJoined = andon_event_joined;
using GuidedLeft = andon_event_left;
using StepCompleted = andon_event_step_completed;
using GuidedProgress = andon_event_progress;
using HelpRequested = andon_event_help;
using GuidedControlled = andon_event_controlled;
/** An event that this header has no words for. */
struct Other {
    andon_event_kind kind;
};
using Told = std::variant<Other, Opened, Closed, Asked, ContractSaid, HubRefresh, Staleness, MountRetired, StoreState, Refused, DeviceRegistered,
                          SessionCreated, SampleArrived, SessionEnded, GuidedJoined, GuidedLeft, StepCompleted, GuidedProgress, HelpRequested,
                          GuidedControlled>;

/** A text of an event or a request. */
[[nodiscard]] inline std::string_view view(andon_str text) noexcept {
    return detail::view(text);
}
/** Bytes of an event. */
[[nodiscard]] inline std::string_view view(andon_bytes bytes) noexcept {
    return detail::view(bytes);
}

/** One event, which owns what it points to. */
class Event {
public:
    Event() noexcept : raw_(ANDON_EVENT_INIT) {}
    Event(Event&& other) noexcept : raw_(std::exchange(other.raw_, ANDON_EVENT_INIT)) {}
    Event& operator=(Event&& other) noexcept {
        std::swap(raw_, other.raw_);
        return *this;
    }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() { andon_event_release(&raw_); }

    /** What it tells, for std::visit and std::get_if. */
    [[nodiscard]] Told told() const noexcept {
        switch (raw_.kind) {
        case ANDON_EVENT_OPENED: return raw_.data.opened;
        case ANDON_EVENT_CLOSED: return raw_.data.closed;
        case ANDON_EVENT_ASKED: return raw_.data.asked;
        case ANDON_EVENT_CONTRACT: return raw_.data.contract;
        case ANDON_EVENT_HUB_REFRESH: return raw_.data.refresh;
        case ANDON_EVENT_STALENESS: return raw_.data.staleness;
        case ANDON_EVENT_MOUNT_RETIRED: return raw_.data.retired;
        case ANDON_EVENT_STORE: return raw_.data.store;
        case ANDON_EVENT_REFUSED: return raw_.data.refused;
        case ANDON_EVENT_DEVICE_REGISTERED: return raw_.data.registered;
        case ANDON_EVENT_SESSION_CREATED: return SessionCreated{raw_.data.session};
        case ANDON_EVENT_SAMPLE: return raw_.data.sample;
        case ANDON_EVENT_SESSION_ENDED: return SessionEnded{raw_.data.session};
        case ANDON_EVENT_GUIDED_JOINED: return raw_.data.joined;
        case ANDON_EVENT_GUIDED_LEFT: return raw_.data.left;
        case ANDON_EVENT_GUIDED_STEP_COMPLETED: return raw_.data.step_completed;
        case ANDON_EVENT_GUIDED_PROGRESS: return raw_.data.progress;
        case ANDON_EVENT_GUIDED_HELP_REQUESTED: return raw_.data.help;
        case ANDON_EVENT_GUIDED_CONTROLLED: return raw_.data.controlled;
        default: return Other{raw_.kind};
        }
    }

private:
    friend class Server;
    andon_event raw_;
};

/** An answer. Given to the library, it is the library's. */
class Response {
public:
    [[nodiscard]] static Result<Response> make(std::uint16_t status) {
        andon_response* made = nullptr;
        const andon_status failed = andon_response_new(status, &made);
        if (failed != ANDON_STATUS_OK) return detail::failure(failed);
        return Response(made);
    }
    [[nodiscard]] Result<void> header(std::string_view name, std::string_view value) const {
        return Result<void>::of(andon_response_header(raw_.get(), detail::text(name), detail::text(value)));
    }
    [[nodiscard]] Result<void> body(std::string_view content_type, std::string_view body) const {
        return Result<void>::of(andon_response_body(raw_.get(), detail::text(content_type), detail::bytes(body)));
    }
    [[nodiscard]] andon_response* release() noexcept { return raw_.release(); }

private:
    struct Free {
        void operator()(andon_response* response) const noexcept { andon_response_free(response); }
    };
    explicit Response(andon_response* raw) noexcept : raw_(raw) {}
    std::unique_ptr<andon_response, Free> raw_;
};

/** A request, in a callback. */
class Request {
public:
    explicit Request(const andon_request* raw) noexcept : raw_(raw) {}
    [[nodiscard]] std::string_view path() const noexcept { return detail::view(andon_request_path(raw_)); }
    [[nodiscard]] std::string_view peer() const noexcept { return detail::view(andon_request_peer(raw_)); }
    [[nodiscard]] std::string_view subject() const noexcept { return detail::view(andon_request_subject(raw_)); }
    [[nodiscard]] bool has_role(std::string_view role) const noexcept { return andon_request_has_role(raw_, detail::text(role)); }
    [[nodiscard]] std::optional<std::string_view> claim(std::string_view name) const noexcept { return find(andon_request_claim, name); }
    [[nodiscard]] std::optional<std::string_view> param(std::string_view name) const noexcept { return find(andon_request_param, name); }
    [[nodiscard]] std::optional<std::string_view> query(std::string_view name) const noexcept { return find(andon_request_query, name); }
    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept { return find(andon_request_header, name); }
    [[nodiscard]] std::optional<std::string_view> cookie(std::string_view name) const noexcept { return find(andon_request_cookie, name); }
    /** In a route: how many connections are subscribed to a topic. */
    [[nodiscard]] std::size_t subscribers(andon_topic topic) const noexcept {
        std::size_t count = 0;
        (void)andon_request_subscribers(raw_, topic, &count);
        return count;
    }
    /** In a route: one of the messages that a newcomer to a topic gets, by its place from 0; none behind the last. */
    [[nodiscard]] std::optional<std::string_view> newest(andon_topic topic, std::size_t index = 0) const noexcept {
        andon_message_kind kind = 0;
        andon_bytes data{};
        if (andon_request_newest(raw_, topic, index, &kind, &data) != ANDON_STATUS_OK) return std::nullopt;
        return detail::view(data);
    }

private:
    template <class F>
    [[nodiscard]] std::optional<std::string_view> find(F function, std::string_view name) const noexcept {
        andon_str value{};
        if (function(raw_, detail::text(name), &value) != ANDON_STATUS_OK) return std::nullopt;
        return detail::view(value);
    }
    const andon_request* raw_;
};

/** What a contract says is to be done; only within its callback. */
class Effects {
public:
    explicit Effects(andon_effects* raw) noexcept : raw_(raw) {}
    [[nodiscard]] Status send(andon_conn conn, std::string_view text) const noexcept {
        return Status(andon_effects_send(raw_, conn, ANDON_MESSAGE_TEXT, detail::bytes(text)));
    }
    [[nodiscard]] Status publish(andon_topic topic, std::string_view text) const noexcept {
        return Status(andon_effects_publish(raw_, topic, ANDON_MESSAGE_TEXT, detail::bytes(text)));
    }
    [[nodiscard]] Status subscribe(andon_conn conn, andon_topic topic) const noexcept { return Status(andon_effects_subscribe(raw_, conn, topic)); }
    [[nodiscard]] Status close(andon_conn conn, std::uint16_t code, std::string_view reason = {}) const noexcept {
        return Status(andon_effects_close(raw_, conn, code, detail::text(reason)));
    }
    /** Records bytes under a key of a stream; Contract::recorded tells by the ticket when that is committed, which is waited for. */
    [[nodiscard]] Result<andon_ticket> record(std::string_view stream, std::string_view key, std::string_view payload) const {
        return filed([&](andon_ticket* ticket) { return andon_effects_record(raw_, detail::text(stream), detail::text(key), detail::bytes(payload), ticket); });
    }
    /** As record, of something that nobody waits for. */
    [[nodiscard]] Result<andon_ticket> file(std::string_view stream, std::string_view key, std::string_view payload) const {
        return filed([&](andon_ticket* ticket) { return andon_effects_file(raw_, detail::text(stream), detail::text(key), detail::bytes(payload), ticket); });
    }
    /** As file, of what happened at another time than now, in milliseconds since 1970. */
    [[nodiscard]] Result<andon_ticket> file_at(std::int64_t time_ms, std::string_view stream, std::string_view key, std::string_view payload) const {
        return filed([&](andon_ticket* ticket) {
            return andon_effects_file_at(raw_, time_ms, detail::text(stream), detail::text(key), detail::bytes(payload), ticket);
        });
    }
    [[nodiscard]] Status arm(std::chrono::milliseconds after) const noexcept { return Status(andon_effects_arm(raw_, detail::millis(after))); }
    /** For what this class has no method for. */
    [[nodiscard]] andon_effects* raw() const noexcept { return raw_; }

private:
    template <class F>
    [[nodiscard]] static Result<andon_ticket> filed(F&& file) {
        andon_ticket ticket = 0;
        const andon_status status = file(&ticket);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return ticket;
    }
    andon_effects* raw_;
};

/** Who somebody is; the texts must live until the call that it is given to returns. */
struct Identity {
    std::string_view subject;
    std::string_view name = {};
    std::vector<std::string_view> roles = {};
    std::vector<std::pair<std::string_view, std::string_view>> claims = {};
    /** When it ends, in milliseconds since 1970; 0: never. */
    std::int64_t expires_at_ms = 0;
};

namespace detail {

[[nodiscard]] inline std::vector<andon_str> texts(const std::vector<std::string_view>& views) {
    std::vector<andon_str> made;
    for (std::string_view view : views) made.push_back(text(view));
    return made;
}

/** Gives somebody to a call, as C describes them. */
template <class F>
[[nodiscard]] andon_status with(const Identity& who, F&& call) {
    const std::vector<andon_str> roles = texts(who.roles);
    std::vector<andon_claim> claims;
    for (const auto& [name, value] : who.claims) claims.push_back({text(name), text(value)});
    andon_identity given = ANDON_IDENTITY_INIT;
    given.subject = text(who.subject);
    given.name = text(who.name);
    given.roles = roles.data();
    given.roles_count = roles.size();
    given.claims = claims.data();
    given.claims_count = claims.size();
    given.expires_at_ms = who.expires_at_ms;
    return call(&given);
}

} // namespace detail

/** A table of secrets that the host has given out; changes at any time. */
class Identities {
public:
    [[nodiscard]] static Result<Identities> make() {
        andon_identities* made = nullptr;
        const andon_status status = andon_identities_new(&made);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return Identities(made);
    }
    [[nodiscard]] Result<void> insert(std::string_view secret, const Identity& who) const {
        return Result<void>::of(detail::with(who, [&](const andon_identity* given) { return andon_identities_insert(raw_.get(), detail::text(secret), given); }));
    }
    /** Takes a secret away: false if there was none. Who is in stays in until Server::revoke. */
    [[nodiscard]] bool remove(std::string_view secret) const noexcept { return andon_identities_remove(raw_.get(), detail::text(secret)) == ANDON_STATUS_OK; }
    /** Takes all secrets of a subject away, and says how many there were. */
    std::size_t remove_subject(std::string_view subject) const noexcept {
        std::size_t removed = 0;
        (void)andon_identities_remove_subject(raw_.get(), detail::text(subject), &removed);
        return removed;
    }
    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t count = 0;
        (void)andon_identities_count(raw_.get(), &count);
        return count;
    }
    [[nodiscard]] const andon_identities* raw() const noexcept { return raw_.get(); }

private:
    struct Free {
        void operator()(andon_identities* identities) const noexcept { andon_identities_free(identities); }
    };
    explicit Identities(andon_identities* raw) noexcept : raw_(raw) {}
    std::unique_ptr<andon_identities, Free> raw_;
};

/** How clients are known at a mount or a route, which copy it. */
class Gate {
public:
    [[nodiscard]] static Result<Gate> of(const Identities& identities) {
        return made([&](andon_gate** gate) { return andon_gate_new_identities(identities.raw(), gate); });
    }
    /** Asks the host about everybody. */
    [[nodiscard]] static Result<Gate> asking() { return made(andon_gate_new_asking); }
    /** Knows tokens, by the keys and rules of the options. */
    [[nodiscard]] static Result<Gate> jwt(const andon_jwt_options& options) {
        return made([&](andon_gate** gate) { return andon_gate_new_jwt(&options, gate); });
    }
    /** Also looks for this cookie; empty: "sessionid". */
    [[nodiscard]] Result<void> cookie(std::string_view name = {}) { return Result<void>::of(andon_gate_cookie(raw_.get(), detail::text(name))); }
    [[nodiscard]] Result<void> bearer() { return Result<void>::of(andon_gate_bearer(raw_.get())); }
    [[nodiscard]] Result<void> query(std::string_view name) { return Result<void>::of(andon_gate_query(raw_.get(), detail::text(name))); }
    [[nodiscard]] Result<void> subprotocol() { return Result<void>::of(andon_gate_subprotocol(raw_.get())); }
    [[nodiscard]] Result<void> challenge(std::string_view challenge) { return Result<void>::of(andon_gate_challenge(raw_.get(), detail::text(challenge))); }
    /** Leaves to `next` whom it does not know. */
    [[nodiscard]] Result<void> or_else(const Gate& next) { return Result<void>::of(andon_gate_or(raw_.get(), next.raw())); }
    /** Lets in who shows nothing. */
    [[nodiscard]] Result<void> optional() { return Result<void>::of(andon_gate_optional(raw_.get())); }
    [[nodiscard]] const andon_gate* raw() const noexcept { return raw_.get(); }

private:
    struct Free {
        void operator()(andon_gate* gate) const noexcept { andon_gate_free(gate); }
    };
    template <class F>
    [[nodiscard]] static Result<Gate> made(F&& make) {
        andon_gate* gate = nullptr;
        const andon_status status = make(&gate);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return Gate(gate);
    }
    explicit Gate(andon_gate* raw) noexcept : raw_(raw) {}
    std::unique_ptr<andon_gate, Free> raw_;
};

/** Settings of a mount or a route; what is pointed to must live until the call that it is given to returns. */
struct Door {
    const Gate* gate = nullptr;
    /** One of these roles is demanded. */
    std::vector<std::string_view> roles = {};
    bool same_origin = false;
    bool any_origin = false;
    /** Mounts: the host is asked about whom the gate does not know. */
    bool asks = false;
    /** Mounts: at most so many connections; 0: as many as the server. */
    std::size_t connections = 0;
    /** Routes and boards: the pattern of a mount, which asks instead. */
    std::string_view of_mount = {};
};

namespace detail {

/** Gives a door to a call, as C describes that of a mount. */
template <class F>
[[nodiscard]] andon_status with(const Door& door, F&& call) {
    const std::vector<andon_str> roles = texts(door.roles);
    andon_mount_options given = ANDON_MOUNT_OPTIONS_INIT;
    given.gate = door.gate ? door.gate->raw() : nullptr;
    given.roles = roles.data();
    given.roles_count = roles.size();
    given.same_origin = door.same_origin;
    given.any_origin = door.any_origin;
    given.asks = door.asks;
    given.connections = door.connections;
    return call(&given);
}

} // namespace detail

/** What a list or a page holds; it lives as long as the list, or until the next page. */
template <class T>
class View {
public:
    View(const T* items, std::size_t count) noexcept : items_(items), count_(count) {}
    [[nodiscard]] const T* begin() const noexcept { return items_; }
    [[nodiscard]] const T* end() const noexcept { return items_ + count_; }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    [[nodiscard]] const T& operator[](std::size_t at) const noexcept { return items_[at]; }

private:
    const T* items_;
    std::size_t count_;
};

namespace detail {

template <class List, class Item, andon_status (*Items)(const List*, const Item**, std::size_t*), void (*End)(List*)>
class ListOf {
public:
    explicit ListOf(List* raw) noexcept : raw_(raw) {}
    [[nodiscard]] View<Item> items() const noexcept {
        const Item* items = nullptr;
        std::size_t count = 0;
        (void)Items(raw_.get(), &items, &count);
        return {items, count};
    }

private:
    struct Free {
        void operator()(List* list) const noexcept { End(list); }
    };
    std::unique_ptr<List, Free> raw_;
};

} // namespace detail

/** The device sessions that were under way. */
using DeviceList = detail::ListOf<andon_device_list, andon_device, andon_device_list_items, andon_device_list_free>;
/** How guided sessions were. */
using GuidedList = detail::ListOf<andon_guided_list, andon_guided_info, andon_guided_list_items, andon_guided_list_free>;

/** A place in what was recorded, from which it is read page by page; an empty page: there are no more. */
class Cursor {
public:
    explicit Cursor(andon_cursor* raw) noexcept : raw_(raw) {}
    [[nodiscard]] Result<View<andon_session>> sessions() const { return next<andon_session>(andon_cursor_next_sessions); }
    [[nodiscard]] Result<View<andon_sample>> samples() const { return next<andon_sample>(andon_cursor_next_samples); }
    [[nodiscard]] Result<View<andon_record>> records() const { return next<andon_record>(andon_cursor_next_records); }
    /** The place behind the sample or record that was read last: for `after_seq` of another cursor, also in a later run. */
    [[nodiscard]] Result<std::uint64_t> position() const {
        std::uint64_t position = 0;
        const andon_status status = andon_cursor_position(raw_.get(), &position);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return position;
    }

private:
    struct Free {
        void operator()(andon_cursor* cursor) const noexcept { andon_cursor_free(cursor); }
    };
    template <class T, class F>
    [[nodiscard]] Result<View<T>> next(F function) const {
        const T* items = nullptr;
        std::size_t count = 0;
        const andon_status status = function(raw_.get(), &items, &count);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return View<T>(items, count);
    }
    std::unique_ptr<andon_cursor, Free> raw_;
};

/** A contract of the host's own: override what it needs. All of it runs on the server's one thread and must not wait. */
class Contract {
public:
    virtual ~Contract() = default;
    virtual void start(Effects, const andon_setup*) {}
    virtual void opened(Effects, andon_conn, Request) {}
    virtual void message(Effects effects, andon_conn conn, std::string_view text) = 0;
    virtual void binary(Effects, andon_conn, std::string_view) {}
    virtual void closed(Effects, andon_conn, andon_close_cause, std::uint16_t) {}
    virtual void deadline(Effects) {}
    virtual void command(Effects, std::uint64_t, std::string_view) {}
    /** What became of a record: Ok, BadStore or Refused, with why in words. */
    virtual void recorded(Effects, andon_ticket, Status, std::string_view) {}
    virtual void shutdown(Effects) {}
};

/** Answers a request: an answer, or none, to be given later by Server::answer. */
using Route = std::function<std::optional<Response>(andon_conn, Request, std::string_view body)>;

/** What a server is to be. Each setting says whether it was taken. */
class Config {
public:
    [[nodiscard]] static Result<Config> make() {
        andon_config* made = nullptr;
        const andon_status status = andon_config_new(&made);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return Config(made);
    }
    [[nodiscard]] Result<void> listen(std::string_view address) { return Result<void>::of(andon_config_listen(raw_.get(), detail::text(address))); }
    [[nodiscard]] Result<void> limits(const andon_limits& limits) { return Result<void>::of(andon_config_limits(raw_.get(), &limits)); }
    [[nodiscard]] Result<void> events(std::uint32_t mask) { return Result<void>::of(andon_config_events(raw_.get(), mask)); }
    [[nodiscard]] Result<void> topic(std::string_view name, const andon_topic_options& options) {
        return Result<void>::of(andon_config_topic(raw_.get(), detail::text(name), &options));
    }
    [[nodiscard]] Result<void> hub(std::string_view pattern, const andon_hub_options* options = nullptr) {
        return Result<void>::of(andon_config_hub(raw_.get(), detail::text(pattern), options, nullptr));
    }
    [[nodiscard]] Result<void> monitor(std::string_view pattern, const Tags& tags, std::chrono::milliseconds period = std::chrono::seconds(1)) {
        andon_monitor_options options = ANDON_MONITOR_OPTIONS_INIT;
        options.period_ms = detail::millis(period);
        return Result<void>::of(andon_config_monitor(raw_.get(), detail::text(pattern), tags.raw(), &options, nullptr));
    }
    /** Mounts device sessions; told by DeviceRegistered, SessionCreated, SampleArrived and SessionEnded. */
    [[nodiscard]] Result<void> devices(std::string_view pattern, const andon_devices_options* options = nullptr, const Door& door = {}) {
        return Result<void>::of(detail::with(door, [&](const andon_mount_options* mount) { return andon_config_devices(raw_.get(), detail::text(pattern), options, mount); }));
    }
    /** Mounts guided sessions, whose people the door's gate knows. */
    [[nodiscard]] Result<void> guided(std::string_view pattern, const andon_guided_options& options, const Door& door) {
        return Result<void>::of(detail::with(door, [&](const andon_mount_options* mount) { return andon_config_guided(raw_.get(), detail::text(pattern), &options, mount); }));
    }
    /** Records into a SQLite file, which is opened here. */
    [[nodiscard]] Result<void> store_sqlite(std::string_view path, const andon_sqlite_options* options = nullptr) {
        return Result<void>::of(andon_config_store_sqlite(raw_.get(), detail::text(path), options));
    }
    /** Keeps the newest records in memory. */
    [[nodiscard]] Result<void> store_memory(std::size_t records) { return Result<void>::of(andon_config_store_memory(raw_.get(), records)); }
    /** Mounts a contract, which is the library's from then on. */
    [[nodiscard]] Result<void> contract(std::string_view pattern, std::unique_ptr<Contract> contract, const Door& door = {}) {
        andon_contract callbacks = ANDON_CONTRACT_INIT;
        callbacks.context = contract.get();
        callbacks.start = [](void* it, andon_effects* fx, const andon_setup* setup) {
            detail::guarded([&] { self(it).start(Effects(fx), setup); });
        };
        callbacks.opened = [](void* it, andon_effects* fx, andon_conn conn, const andon_request* request) {
            detail::guarded([&] { self(it).opened(Effects(fx), conn, Request(request)); });
        };
        callbacks.message = [](void* it, andon_effects* fx, andon_conn conn, andon_message_kind kind, andon_bytes data) {
            detail::guarded([&] {
                if (kind == ANDON_MESSAGE_TEXT) self(it).message(Effects(fx), conn, detail::view(data));
                else self(it).binary(Effects(fx), conn, detail::view(data));
            });
        };
        callbacks.closed = [](void* it, andon_effects* fx, andon_conn conn, andon_close_cause cause, std::uint16_t code) {
            detail::guarded([&] { self(it).closed(Effects(fx), conn, cause, code); });
        };
        callbacks.deadline = [](void* it, andon_effects* fx) { detail::guarded([&] { self(it).deadline(Effects(fx)); }); };
        callbacks.command = [](void* it, andon_effects* fx, std::uint64_t code, andon_bytes data) {
            detail::guarded([&] { self(it).command(Effects(fx), code, detail::view(data)); });
        };
        callbacks.recorded = [](void* it, andon_effects* fx, andon_ticket ticket, andon_status outcome, andon_str why) {
            detail::guarded([&] { self(it).recorded(Effects(fx), ticket, Status(outcome), view(why)); });
        };
        callbacks.shutdown = [](void* it, andon_effects* fx) { detail::guarded([&] { self(it).shutdown(Effects(fx)); }); };
        callbacks.drop = [](void* it) { detail::guarded([&] { delete static_cast<Contract*>(it); }); };
        const andon_status status =
            detail::with(door, [&](const andon_mount_options* mount) { return andon_config_contract(raw_.get(), detail::text(pattern), &callbacks, mount); });
        if (status == ANDON_STATUS_OK) (void)contract.release();
        return Result<void>::of(status);
    }
    /** Serves requests of one method to a path pattern. A route that throws leaves the request to time out with 503. */
    [[nodiscard]] Result<void> route(std::string_view method, std::string_view pattern, Route route, const Door& door = {}) {
        auto owned = std::make_unique<Route>(std::move(route));
        const std::vector<andon_str> roles = detail::texts(door.roles);
        andon_route callbacks = ANDON_ROUTE_INIT;
        callbacks.gate = door.gate ? door.gate->raw() : nullptr;
        callbacks.roles = roles.data();
        callbacks.roles_count = roles.size();
        callbacks.same_origin = door.same_origin;
        callbacks.any_origin = door.any_origin;
        callbacks.of_mount = detail::text(door.of_mount);
        callbacks.context = owned.get();
        callbacks.handle = [](void* it, andon_conn conn, const andon_request* request, andon_bytes body) {
            andon_response* answer = nullptr;
            detail::guarded([&] {
                std::optional<Response> made = (*static_cast<Route*>(it))(conn, Request(request), detail::view(body));
                if (made) answer = made->release();
            });
            return answer;
        };
        callbacks.drop = [](void* it) { detail::guarded([&] { delete static_cast<Route*>(it); }); };
        const andon_status status = andon_config_route(raw_.get(), detail::text(method), detail::text(pattern), &callbacks);
        if (status == ANDON_STATUS_OK) (void)owned.release();
        return Result<void>::of(status);
    }
    /** Serves the board, a page at "/" and plain HTTP for programs; the door is for what belongs to no mount. An empty title: "andon"; an empty pattern: the first that is mounted. */
    [[nodiscard]] Result<void> board(std::string_view title = {}, const Door& door = {}, std::string_view monitor = {}, std::string_view devices = {}) {
        const std::vector<andon_str> roles = detail::texts(door.roles);
        andon_board_options options = ANDON_BOARD_OPTIONS_INIT;
        options.title = detail::text(title);
        options.gate = door.gate ? door.gate->raw() : nullptr;
        options.roles = roles.data();
        options.roles_count = roles.size();
        options.same_origin = door.same_origin;
        options.any_origin = door.any_origin;
        options.of_mount = detail::text(door.of_mount);
        options.monitor = detail::text(monitor);
        options.devices = detail::text(devices);
        return Result<void>::of(andon_config_board(raw_.get(), &options));
    }
    /** The most memory that the server will allocate. Takes no more settings from then on. */
    [[nodiscard]] Result<std::size_t> memory_ceiling() {
        std::size_t bytes = 0;
        const andon_status status = andon_config_memory_ceiling(raw_.get(), &bytes);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return bytes;
    }
    /** For what this class has no method for. */
    [[nodiscard]] andon_config* raw() const noexcept { return raw_.get(); }

private:
    struct Free {
        void operator()(andon_config* config) const noexcept { andon_config_free(config); }
    };
    static Contract& self(void* it) noexcept { return *static_cast<Contract*>(it); }
    explicit Config(andon_config* raw) noexcept : raw_(raw) {}
    std::unique_ptr<andon_config, Free> raw_;
};

/** A server that runs, or has been stopped. Its end stops it. */
class Server {
public:
    /** Starts a server; the configuration is spent. */
    [[nodiscard]] static Result<Server> start(Config config) {
        andon_server* made = nullptr;
        const andon_status status = andon_server_start(config.raw(), &made);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return Server(made);
    }
    [[nodiscard]] Result<HowStopped> stop(std::chrono::milliseconds timeout) const {
        andon_stopped how = ANDON_STOPPED_CLEAN;
        const andon_status status = andon_server_stop(raw_.get(), detail::millis(timeout), &how);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return HowStopped(how);
    }
    [[nodiscard]] std::uint16_t port(std::size_t index = 0) const noexcept { return andon_server_port(raw_.get(), index); }

    /** The next event, waiting up to the timeout: Status::NoEvent when there is none, Status::Ended when there will be none. */
    [[nodiscard]] Status next_event(Event& event, std::chrono::milliseconds timeout) const noexcept {
        Event fresh;
        const andon_status status = andon_server_next_event(raw_.get(), detail::millis(timeout), &fresh.raw_);
        if (status == ANDON_STATUS_OK) event = std::move(fresh);
        return Status(status);
    }
    /** The next event, waiting as long as the server runs. */
    [[nodiscard]] Status next_event(Event& event) const noexcept {
        Event fresh;
        const andon_status status = andon_server_next_event(raw_.get(), ANDON_FOREVER, &fresh.raw_);
        if (status == ANDON_STATUS_OK) event = std::move(fresh);
        return Status(status);
    }
    /** For the host's own loop: readable while events wait. */
    [[nodiscard]] Result<int> event_fd() const {
        std::int32_t descriptor = -1;
        const andon_status status = andon_server_event_fd(raw_.get(), &descriptor);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return int(descriptor);
    }

    [[nodiscard]] Result<andon_topic> topic(std::string_view name) const {
        andon_topic found{};
        const andon_status status = andon_server_topic(raw_.get(), detail::text(name), &found);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return found;
    }
    [[nodiscard]] Status publish(andon_topic topic, std::string_view text) const noexcept {
        return Status(andon_server_publish(raw_.get(), topic, ANDON_MESSAGE_TEXT, detail::bytes(text)));
    }
    [[nodiscard]] Status hub_publish(std::string_view topic, std::string_view json, std::string_view key = {}) const noexcept {
        return Status(andon_hub_publish(raw_.get(), detail::text(topic), detail::text(key), detail::text(json)));
    }
    [[nodiscard]] Status send(andon_conn conn, std::string_view text) const noexcept {
        return Status(andon_server_send(raw_.get(), conn, ANDON_MESSAGE_TEXT, detail::bytes(text)));
    }
    [[nodiscard]] Status close(andon_conn conn, std::uint16_t code, std::string_view reason = {}) const noexcept {
        return Status(andon_server_close(raw_.get(), conn, code, detail::text(reason)));
    }
    [[nodiscard]] Status answer(andon_conn conn, Response response) const noexcept {
        return Status(andon_server_answer(raw_.get(), conn, response.release()));
    }
    [[nodiscard]] Status let_in(andon_conn conn, std::string_view subject, std::string_view name = {}) const noexcept {
        return Status(andon_server_let_in(raw_.get(), conn, detail::text(subject), detail::text(name)));
    }
    [[nodiscard]] Status let_in(andon_conn conn, const Identity& who) const {
        return Status(detail::with(who, [&](const andon_identity* given) { return andon_server_let_in_as(raw_.get(), conn, given); }));
    }
    /** Closes whoever has this subject. */
    [[nodiscard]] Status revoke(std::string_view subject) const noexcept { return Status(andon_server_revoke(raw_.get(), detail::text(subject))); }
    [[nodiscard]] Status refuse(andon_conn conn, Response response) const noexcept {
        return Status(andon_server_refuse(raw_.get(), conn, response.release()));
    }
    [[nodiscard]] Result<andon_mount> mount(std::string_view pattern) const {
        andon_mount found{};
        const andon_status status = andon_server_mount(raw_.get(), detail::text(pattern), &found);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return found;
    }

    /** Ends a device's session. */
    [[nodiscard]] Status end_session(andon_mount mount, std::string_view session) const noexcept {
        return Status(andon_devices_end_session(raw_.get(), mount, detail::text(session)));
    }
    /** The device sessions under way; waits for the loop. */
    [[nodiscard]] Result<DeviceList> devices(andon_mount mount, std::chrono::milliseconds timeout) const {
        andon_device_list* list = nullptr;
        const andon_status status = andon_devices_sessions(raw_.get(), mount, detail::millis(timeout), &list);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return DeviceList(list);
    }

    [[nodiscard]] Result<void> guided_create(const andon_guided_session& session) const { return Result<void>::of(andon_guided_create(raw_.get(), &session)); }
    [[nodiscard]] Status guided_start_step(std::string_view code, std::int64_t subtask, std::string_view message = {}) const noexcept {
        return Status(andon_guided_start_step(raw_.get(), detail::text(code), subtask, detail::text(message)));
    }
    [[nodiscard]] Status guided_pause(std::string_view code) const noexcept { return Status(andon_guided_pause(raw_.get(), detail::text(code))); }
    [[nodiscard]] Status guided_resume(std::string_view code) const noexcept { return Status(andon_guided_resume(raw_.get(), detail::text(code))); }
    [[nodiscard]] Status guided_end(std::string_view code) const noexcept { return Status(andon_guided_end(raw_.get(), detail::text(code))); }
    [[nodiscard]] Status guided_send(std::string_view code, std::int64_t user, std::string_view json) const noexcept {
        return Status(andon_guided_send_to(raw_.get(), detail::text(code), user, detail::text(json)));
    }
    [[nodiscard]] Status guided_send(std::string_view code, Role role, std::string_view json) const noexcept {
        return Status(andon_guided_send_to_role(raw_.get(), detail::text(code), andon_role(role), detail::text(json)));
    }
    /** How guided sessions are; waits for the loop. */
    [[nodiscard]] Result<GuidedList> guided(std::chrono::milliseconds timeout) const {
        andon_guided_list* list = nullptr;
        const andon_status status = andon_guided_sessions(raw_.get(), detail::millis(timeout), &list);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return GuidedList(list);
    }

    /** Begins to read device sessions, newest first. */
    [[nodiscard]] Result<Cursor> read_sessions(const andon_read_options* options = nullptr) const {
        andon_cursor* cursor = nullptr;
        const andon_status status = andon_server_read_sessions(raw_.get(), options, &cursor);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return Cursor(cursor);
    }
    /** Begins to read the samples of one device session, in order. */
    [[nodiscard]] Result<Cursor> read_samples(std::string_view session, const andon_read_options* options = nullptr) const {
        andon_cursor* cursor = nullptr;
        const andon_status status = andon_server_read_samples(raw_.get(), detail::text(session), options, &cursor);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return Cursor(cursor);
    }
    /** Begins to read what contracts of the host's own, mounted at this pattern, have recorded under one key of one stream, oldest first. */
    [[nodiscard]] Result<Cursor> read_records(std::string_view contract, std::string_view stream, std::string_view key,
                                              const andon_read_options* options = nullptr) const {
        andon_cursor* cursor = nullptr;
        const andon_status status =
            andon_server_read_records(raw_.get(), detail::text(contract), detail::text(stream), detail::text(key), options, &cursor);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return Cursor(cursor);
    }
    /** Writes samples by `write`, which says whether to go on; one that throws says no. Gives the number of the last. */
    [[nodiscard]] Result<std::uint64_t> export_samples(std::string_view session, ExportFormat format, const std::function<bool(std::string_view)>& write,
                                                       std::uint64_t after_seq = 0) const {
        std::uint64_t last = after_seq;
        const auto pass_on = [](void* it, andon_bytes lines) {
            bool goes_on = false;
            detail::guarded([&] { goes_on = (*static_cast<const std::function<bool(std::string_view)>*>(it))(detail::view(lines)); });
            return goes_on;
        };
        const andon_status status = andon_server_export(raw_.get(), detail::text(session), andon_export_format(format), after_seq, pass_on,
                                                        const_cast<std::function<bool(std::string_view)>*>(&write), &last);
        if (status != ANDON_STATUS_OK) return detail::failure(status);
        return last;
    }
    /** For what this class has no method for. */
    [[nodiscard]] andon_server* raw() const noexcept { return raw_.get(); }

private:
    struct Free {
        void operator()(andon_server* server) const noexcept { andon_server_free(server); }
    };
    explicit Server(andon_server* raw) noexcept : raw_(raw) {}
    std::unique_ptr<andon_server, Free> raw_;
};

} // namespace andon

#endif // ANDON_HPP
