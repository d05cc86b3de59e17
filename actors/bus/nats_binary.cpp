#include "actors/bus/nats_binary.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <vector>

extern char** environ;

namespace luthier::bus {
namespace fs = std::filesystem;
namespace {

bool is_program(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) && access(file.c_str(), X_OK) == 0;
}

NatsVersion version_of_folder(const fs::path& folder) {
  auto version = parse_nats_version("v" + folder.filename().string());
  return version ? *version : NatsVersion{};
}

fs::path newest_under(const fs::path& cache) {
  fs::path newest;
  std::error_code error;
  for (fs::directory_iterator entry(cache, error), end; !error && entry != end; entry.increment(error)) {
    const auto program = entry->path() / "nats-server";
    if (is_program(program) && (newest.empty() || version_of_folder(newest.parent_path()) < version_of_folder(entry->path())))
      newest = program;
  }
  return newest;
}

std::vector<fs::path> candidates(std::string_view search_path) {
  std::vector<fs::path> found;
  std::error_code error;
  const auto self = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    found.push_back(self.parent_path() / "nats-server");
    for (auto folder = self.parent_path(); folder.has_relative_path(); folder = folder.parent_path())
      found.push_back(newest_under(folder / ".cache" / "nats-server"));
  }
  found.emplace_back("/usr/sbin/nats-server");
  while (!search_path.empty()) {
    const auto colon = search_path.find(':');
    if (const auto folder = search_path.substr(0, colon); !folder.empty()) found.push_back(fs::path(folder) / "nats-server");
    search_path.remove_prefix(colon == std::string_view::npos ? search_path.size() : colon + 1);
  }
  return found;
}

// What `program --version` prints within two seconds.
Result<std::string> ask_version(const fs::path& program) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error{ErrorCode::io, "no pipe can be made", {}};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string name = program.string(), flag = "--version";
  char* arguments[] = {name.data(), flag.data(), nullptr};
  pid_t child = 0;
  const int failed = posix_spawn(&child, name.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string text;
  char buffer[256];
  pollfd readable{ends[0], POLLIN, 0};
  while (!failed && text.size() < 4096 && poll(&readable, 1, 2000) > 0) {
    const auto count = read(ends[0], buffer, sizeof buffer);
    if (count <= 0) break;
    text.append(buffer, static_cast<std::size_t>(count));
  }
  close(ends[0]);
  if (failed) return Error{ErrorCode::io, program.string() + " cannot be run", {}};
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return text;
}

}  // namespace

Result<NatsVersion> parse_nats_version(std::string_view text) {
  const auto begin = text.find_first_of("0123456789", text.find('v') == std::string_view::npos ? 0 : text.rfind('v'));
  NatsVersion version;
  const char* at = begin == std::string_view::npos ? text.data() + text.size() : text.data() + begin;
  const char* end = text.data() + text.size();
  int* parts[] = {&version.major, &version.minor, &version.patch};
  for (int i = 0; i < 3; ++i) {
    const auto [next, error] = std::from_chars(at, end, *parts[i]);
    if (error != std::errc() || (i < 2 && (next == end || *next != '.')))
      return invalid("this does not name a version of nats-server: " + std::string(text.substr(0, 64)));
    at = next + 1;
  }
  return version;
}

Result<NatsBinary> find_nats_server(const fs::path& given, std::string_view search_path) {
  fs::path program = given;
  if (given.empty()) {
    for (const auto& candidate : candidates(search_path))
      if (is_program(candidate)) {
        program = candidate;
        break;
      }
    if (program.empty())
      return Error{ErrorCode::not_found, "no nats-server is installed: run tools/setup.sh, or install Debian's nats-server", {}};
  }
  if (!is_program(program)) return Error{ErrorCode::not_found, program.string() + " is not a program", "nats-server"};
  const auto text = ask_version(program);
  if (!text) return text.error();
  const auto version = parse_nats_version(*text);
  if (!version) return with_context(version.error(), program.string());
  return NatsBinary{program, *version};
}

}  // namespace luthier::bus
