// The subjects of the NATS contract, luthier.v1.…; a name inside a subject is percent-encoded where NATS reserves characters.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace luthier::bus {

std::string encode_token(std::string_view name);                 // '.', '*', '>', '%', blanks, controls -> %XX
std::optional<std::string> decode_token(std::string_view token);

std::string command_subject(std::string_view workspace, std::string_view entity, std::string_view command);  // cmd, durable
std::string request_subject(std::string_view workspace, std::string_view entity, std::string_view command);  // req, waits
std::string query_subject(std::string_view workspace, std::string_view entity, std::string_view verb);       // qry
std::string event_subject(std::string_view workspace, std::string_view entity, std::string_view name, std::string_view event);
std::string telemetry_subject(std::string_view workspace, std::string_view job, std::string_view kind);      // tlm
std::string receipt_subject(std::string_view command_id);
std::string work_subject(std::string_view worker);   // work.<worker>.lease: leases for it
std::string beat_subject(std::string_view worker);   // beat.<worker>

inline constexpr std::string_view all_commands = "luthier.v1.cmd.>";
inline constexpr std::string_view all_requests = "luthier.v1.req.>";
inline constexpr std::string_view all_queries = "luthier.v1.qry.>";
inline constexpr std::string_view all_events = "luthier.v1.evt.>";
inline constexpr std::string_view all_telemetry = "luthier.v1.tlm.>";
inline constexpr std::string_view all_beats = "luthier.v1.beat.*";

// The decoded tokens after "luthier.v1.": {"req", "default", "model", "CreateModel"}. nullopt: not of this contract.
std::optional<std::vector<std::string>> parse_subject(std::string_view subject);

}  // namespace luthier::bus
