#include "config/config.hpp"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <charconv>
#include <functional>
#include <map>

#include "events/base/file.hpp"

namespace luthier::config {
namespace {

std::string place(const std::string& file, const toml::source_region& where) {
  return file + ": line " + std::to_string(where.begin.line);
}

// One option: how its value gets into the struct; false when it has the wrong type or range.
using Setter = std::function<bool(const toml::node&, Config&)>;

template <class T>
Setter text(T Config::*part, std::string T::*member) {
  return [=](const toml::node& node, Config& config) {
    const auto value = node.value<std::string>();
    if (value) config.*part.*member = *value;
    return value.has_value();
  };
}

template <class Part>
Setter number(Part Config::*part, std::int64_t Part::*member, std::int64_t from, std::int64_t to) {
  return [=](const toml::node& node, Config& config) {
    const auto value = node.value_exact<std::int64_t>();
    if (!value || *value < from || *value > to) return false;
    config.*part.*member = *value;
    return true;
  };
}

template <class Part>
Setter flag(Part Config::*part, bool Part::*member) {
  return [=](const toml::node& node, Config& config) {
    const auto value = node.value_exact<bool>();
    if (value) config.*part.*member = *value;
    return value.has_value();
  };
}

template <class Part>
Setter path(Part Config::*part, std::filesystem::path Part::*member) {
  return [=](const toml::node& node, Config& config) {
    const auto value = node.value<std::string>();
    if (value) config.*part.*member = *value;
    return value.has_value();
  };
}

template <class Part>
Setter texts(Part Config::*part, std::vector<std::string> Part::*member) {
  return [=](const toml::node& node, Config& config) {
    const auto* array = node.as_array();
    if (!array) return false;
    std::vector<std::string> all;
    for (const auto& element : *array) {
      const auto value = element.value<std::string>();
      if (!value) return false;
      all.push_back(*value);
    }
    config.*part.*member = std::move(all);
    return true;
  };
}

struct Option {
  std::string needs;  // what the value must be, for the error
  Setter set;
};

const std::map<std::string, Option>& options() {
  static const std::map<std::string, Option> table{
      {"server.data", {"a path", [](const toml::node& node, Config& config) {
                         const auto value = node.value<std::string>();
                         if (value) config.data = *value;
                         return value.has_value();
                       }}},
      {"server.listen", {"\"host:port\"", [](const toml::node& node, Config& config) {
                           const auto value = node.value<std::string>();
                           if (!value || !parse_listen(*value)) return false;
                           config.listen = *value;
                           return true;
                         }}},
      {"server.controllers", {"true or false", [](const toml::node& node, Config& config) {
                                const auto value = node.value_exact<bool>();
                                if (value) config.controllers = *value;
                                return value.has_value();
                              }}},
      {"nats.url", {"a URL", text(&Config::nats, &Config::Nats::url)}},
      {"nats.credentials", {"a path", [](const toml::node& node, Config& config) {
                              const auto value = node.value<std::string>();
                              if (value) config.nats.credentials = *value;
                              return value.has_value();
                            }}},
      {"nats.server_binary", {"a path", [](const toml::node& node, Config& config) {
                                const auto value = node.value<std::string>();
                                if (value) config.nats.server_binary = *value;
                                return value.has_value();
                              }}},
      {"nats.port", {"a number from 0 to 65535", [](const toml::node& node, Config& config) {
                       const auto value = node.value_exact<std::int64_t>();
                       if (!value || *value < 0 || *value > 65535) return false;
                       config.nats.port = static_cast<int>(*value);
                       return true;
                     }}},
      {"auth.enabled", {"true or false", flag(&Config::auth, &Config::Auth::enabled)}},
      {"auth.allow_open", {"true or false", flag(&Config::auth, &Config::Auth::allow_open)}},
      {"auth.issuer", {"a URL", text(&Config::auth, &Config::Auth::issuer)}},
      {"auth.audiences", {"a list of texts", texts(&Config::auth, &Config::Auth::audiences)}},
      {"auth.jwks", {"a URL or a path", text(&Config::auth, &Config::Auth::jwks)}},
      {"auth.ca_file", {"a path", path(&Config::auth, &Config::Auth::ca_file)}},
      {"auth.plain_http_issuer", {"true or false", flag(&Config::auth, &Config::Auth::plain_http_issuer)}},
      {"auth.groups_claim", {"a text", text(&Config::auth, &Config::Auth::groups_claim)}},
      {"auth.admins", {"a list of texts", texts(&Config::auth, &Config::Auth::admins)}},
      {"auth.services", {"a list of texts", texts(&Config::auth, &Config::Auth::services)}},
      {"auth.speakers", {"a list of texts", texts(&Config::auth, &Config::Auth::speakers)}},
      {"tls.certificate", {"a path", path(&Config::tls, &Config::Tls::certificate)}},
      {"tls.key", {"a path", path(&Config::tls, &Config::Tls::key)}},
      {"http.connections_max", {"a number from 1 to 65536", number(&Config::http, &Config::Http::connections_max, 1, 65'536)}},
      {"http.connections_per_address_max", {"a number from 1 to 65536", number(&Config::http, &Config::Http::connections_per_address_max, 1, 65'536)}},
      {"http.drain_seconds", {"a number from 0 to 8", number(&Config::http, &Config::Http::drain_seconds, 0, 8)}},
      {"files.allow_local_storage", {"true or false", flag(&Config::files, &Config::Files::allow_local_storage)}},
      {"files.contact_stores", {"true or false", flag(&Config::files, &Config::Files::contact_stores)}},
      {"files.external_hosts", {"a list of URLs", texts(&Config::files, &Config::Files::external_hosts)}},
      {"files.fileset_gb_max", {"a number from 0 to 1000000", number(&Config::files, &Config::Files::fileset_gb_max, 0, 1'000'000)}},
      {"files.workspace_gb_max", {"a number from 0 to 1000000", number(&Config::files, &Config::Files::workspace_gb_max, 0, 1'000'000)}},
      {"worker.enabled", {"true or false", [](const toml::node& node, Config& config) {
                            const auto value = node.value_exact<bool>();
                            if (value) config.worker.enabled = *value;
                            return value.has_value();
                          }}},
      {"worker.name", {"a name", text(&Config::worker, &Config::Worker::name)}},
      {"worker.lease_seconds", {"a number from 2 to 3600", number(&Config::worker, &Config::Worker::lease_seconds, 2, 3600)}},
      {"worker.grace_seconds", {"a number from 1 to 3600", number(&Config::worker, &Config::Worker::grace_seconds, 1, 3600)}},
      {"worker.checkpoint_every_steps",
       {"a number from 1 to 1000000", number(&Config::worker, &Config::Worker::checkpoint_every_steps, 1, 1'000'000)}},
  };
  return table;
}

Result<void> apply(const toml::table& section, const std::string& section_name, const std::string& file, Config& config) {
  for (const auto& [key, node] : section) {
    const auto name = section_name + "." + std::string(key.str());
    const auto option = options().find(name);
    if (option == options().end()) return invalid(place(file, node.source()) + ": there is no option " + name, name);
    if (!option->second.set(node, config))
      return invalid(place(file, node.source()) + ": " + name + " must be " + option->second.needs, name);
  }
  return {};
}

}  // namespace

Result<std::pair<std::string, int>> parse_listen(const std::string& listen) {
  const auto colon = listen.rfind(':');
  int port = -1;
  if (colon != std::string::npos) {
    const auto* begin = listen.data() + colon + 1;
    const auto* end = listen.data() + listen.size();
    const auto parsed = std::from_chars(begin, end, port);
    if (parsed.ec != std::errc{} || parsed.ptr != end) port = -1;
  }
  if (colon == 0 || port < 0 || port > 65535) return invalid("\"" + listen + "\" is not host:port", "listen");
  return std::pair{listen.substr(0, colon), port};
}

Result<Config> parse_config(const std::string& toml_text, const std::string& file_name) {
  const auto parsed = toml::parse(toml_text, file_name);
  if (!parsed)
    return invalid(place(file_name, parsed.error().source()) + ": " + std::string(parsed.error().description()));
  Config config;
  for (const auto& [key, node] : parsed.table()) {
    const auto* section = node.as_table();
    if (!section) return invalid(place(file_name, node.source()) + ": " + std::string(key.str()) + " stands outside a section");
    if (auto applied = apply(*section, std::string(key.str()), file_name, config); !applied) return applied.error();
  }
  return config;
}

Result<Config> read_config(const std::filesystem::path& file) {
  auto text = read_text(file, 1 << 20);
  if (!text) return text.error();
  return parse_config(*text, file.string());
}

}  // namespace luthier::config
