#include "actors/api/multipart.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>

namespace luthier::api {
namespace {

constexpr std::size_t read_bytes = 256 << 10, part_head_bytes_max = 16 << 10, boundary_bytes_max = 70;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

Error broken(const std::string& why) { return invalid("the form cannot be read: " + why, "body"); }

// A part's head says what it is: a file has a name, a field has none.
bool is_file(std::string_view head) {
  const std::string text = lower(head);
  const auto disposition = text.find("content-disposition:");
  if (disposition == text.npos) return false;
  const auto line = text.substr(disposition, text.find("\r\n", disposition) - disposition);
  return line.find("filename=") != line.npos || line.find("filename*=") != line.npos;
}

}  // namespace

std::optional<std::string> form_boundary(std::string_view content_type) {
  const std::string text = lower(content_type);
  if (!text.starts_with("multipart/form-data")) return std::nullopt;
  const auto at = text.find("boundary=");
  if (at == text.npos) return "";
  auto value = content_type.substr(at + std::strlen("boundary="));
  if (value.starts_with('"')) {
    value.remove_prefix(1);
    const auto end = value.find('"');
    if (end == value.npos) return "";
    value = value.substr(0, end);
  } else {
    value = value.substr(0, value.find_first_of("; \t"));
  }
  return value.size() > boundary_bytes_max ? "" : std::string(value);
}

FormFile::FormFile(const std::string& boundary, Read read) : delimiter_("\r\n--" + boundary), read_(std::move(read)) {}

Result<void> FormFile::fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const auto size = buffer_.size();
  buffer_.resize(size + read_bytes);
  const auto got = read_(buffer_.data() + size, read_bytes);
  buffer_.resize(size + (got ? *got : 0));
  if (!got) return got.error();
  if (*got == 0) return broken("it ends before its last boundary");
  return {};
}

Result<void> FormFile::skip_content() {
  while (true) {
    const auto at = held().find(delimiter_);
    if (at != std::string::npos) {
      begin_ += at + delimiter_.size();
      return {};
    }
    begin_ = buffer_.size() - std::min(held().size(), delimiter_.size() - 1);
    if (auto filled = fill(); !filled) return filled;
  }
}

// Behind a boundary: "--" ends the form, a line end begins a part.
Result<bool> FormFile::next_part() {
  while (true) {
    while (held().size() < 2)
      if (auto filled = fill(); !filled) return filled.error();
    if (held().starts_with("--")) return false;
    auto end = held().find("\r\n\r\n");
    while (end == std::string::npos && held().size() < part_head_bytes_max) {
      if (auto filled = fill(); !filled) return filled.error();
      end = held().find("\r\n\r\n");
    }
    if (end == std::string::npos || end > part_head_bytes_max) return broken("the head of a part has more than 16 KiB");
    const bool found = is_file(held().substr(0, end));
    begin_ += end + 2;  // the line end before the content may already belong to the boundary after an empty one
    if (found) {
      begin_ += 2;
      return true;
    }
    if (auto skipped = skip_content(); !skipped) return skipped.error();
  }
}

Result<std::size_t> FormFile::read(char* to, std::size_t size) {
  if (place_ == Place::before) {
    if (auto skipped = skip_content(); !skipped) return skipped.error();
    const auto found = next_part();
    if (!found) return found.error();
    if (!*found) return broken("it has no file");
    place_ = Place::inside;
  }
  while (place_ == Place::inside) {
    const auto at = held().find(delimiter_);
    const auto ready = at != std::string::npos ? at : held().size() - std::min(held().size(), delimiter_.size() - 1);
    if (const auto given = std::min(ready, size); given > 0) {
      std::memcpy(to, held().data(), given);
      begin_ += given;
      return given;
    }
    if (at == std::string::npos) {
      if (auto filled = fill(); !filled) return filled.error();
      continue;
    }
    begin_ += delimiter_.size();
    place_ = Place::after;
    const auto another = next_part();
    if (!another) return another.error();
    if (*another) return broken("it has more than one file; send each by itself");
  }
  return std::size_t{0};
}

}  // namespace luthier::api
