// Errors are values. Every fallible function of Luthier returns a Result; exceptions of libraries are caught where
// the library is called.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace luthier {

enum class ErrorCode {
  invalid,        // the caller's input is wrong; `field` names the member, row, tensor or option
  not_found,      // what the caller names does not exist
  forbidden,      // the caller may not do this
  conflict,       // it exists already, or the state or version does not allow it
  limit,          // a bound was reached: a queue, a size, a number
  out_of_memory,  // the work needs more memory than the device has
  unavailable,    // a peer or a device cannot be reached now; trying again may help
  cancelled,      // somebody asked for the work to stop
  corrupt,        // stored bytes are not what was written
  io,             // the disk or the network refused
  internal,       // a fault of ours
};

// "invalid", "not_found" …: the stored and sent spelling, which never changes.
std::string_view to_string(ErrorCode code);
std::optional<ErrorCode> parse_error_code(std::string_view text);

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;  // one line: what is wrong, where, and what would work
  std::string field;    // the request's member, the file's tensor or row; empty when there is none

  bool operator==(const Error&) const = default;
};

inline Error invalid(std::string message, std::string field = {}) {
  return {ErrorCode::invalid, std::move(message), std::move(field)};
}

// The same error, with what the caller was doing put in front: "reading adapter: …".
Error with_context(Error error, std::string_view doing);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return held_.index() == 0; }
  T& operator*() & { return std::get<0>(held_); }
  const T& operator*() const& { return std::get<0>(held_); }
  T&& operator*() && { return std::get<0>(std::move(held_)); }
  T* operator->() { return &std::get<0>(held_); }
  const T* operator->() const { return &std::get<0>(held_); }
  const Error& error() const { return std::get<1>(held_); }

 private:
  std::variant<T, Error> held_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return !error_; }
  const Error& error() const {
    assert(error_);
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace luthier
