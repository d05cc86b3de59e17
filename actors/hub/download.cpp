#include "actors/hub/download.hpp"

#include <algorithm>
#include <optional>

#include "actors/hub/content_check.hpp"
#include "actors/hub/content_range.hpp"
#include "actors/hub/file_list.hpp"
#include "actors/hub/get.hpp"
#include "actors/hub/partial_file.hpp"
#include "actors/hub/retries.hpp"
#include "events/base/file.hpp"

namespace luthier::hub {
namespace {

constexpr std::size_t refusal_bytes_max = 64 * 1024;
constexpr std::int64_t progress_bytes = 1 << 20;  // so much, and a try was worth it
constexpr std::int64_t noted_bytes_min = 256 * 1024;  // smaller files are not worth the note
constexpr std::int64_t range_bytes_max = 64 << 20;

bool has(const Request& request, std::string_view name) {
  return std::any_of(request.headers.begin(), request.headers.end(),
                     [&](const Header& header) { return equals_ignoring_case(header.name, name); });
}

// A weak ETag only says that the meaning is the same; ranges of different bytes would not fit together.
std::string strong_etag(const Head& head) {
  const auto etag = head.find("ETag");
  return etag.size() > 2 && etag.size() <= 1024 && etag.front() == '"' && etag.back() == '"' ? etag : std::string();
}

Result<void> expect_plain(const Head& head) {
  const auto coding = head.find("Content-Encoding");
  if (coding.empty() || equals_ignoring_case(coding, "identity")) return {};
  return Error{ErrorCode::corrupt, "it is sent in the coding \"" + coding.substr(0, 40) + "\", which was not asked for", "path"};
}

// What a refusal says, as far as it is short.
class Refusal {
 public:
  Result<void> take(std::string_view bytes) {
    body_ += bytes.substr(0, refusal_bytes_max - body_.size());
    if (body_.size() == refusal_bytes_max) return Error{ErrorCode::limit, "a long refusal", {}};
    return {};
  }
  std::optional<Head> head;
  const std::string& body() const { return body_; }

 private:
  std::string body_;
};

Error explained(const Download& from, const Refusal& refusal, Retries& retries) {
  if (!may_pass(refusal.head->status)) return from.explain(*refusal.head, refusal.body());
  retries.not_before(asked_wait(*refusal.head));
  return {ErrorCode::unavailable, "its host answers " + std::to_string(refusal.head->status) + ": try again later", {}};
}

class Transferring {
 public:
  Transferring(const Download& from, const RemoteFile& file, const Transfer& transfer, PartialFile& partial)
      : from_(from), file_(file), transfer_(transfer), partial_(partial), check_(file), retries_(transfer) {}

  Result<std::string> run() {
    if (auto begun = begin(); !begun) return begun.error();
    for (bool is_second = false;; is_second = true) {
      if (auto complete = complete_it(); !complete) return complete.error();
      auto digest = check_.finish();
      if (digest) return digest;
      // Parts of different times may not fit together. What came in one piece is what the store has.
      if (auto emptied = restart({}, false); !emptied) return emptied.error();
      if (is_second || !is_patched_) return digest;
      is_patched_ = false;
    }
  }

 private:
  Result<void> begin() {
    if (partial_.size() > file_.size || partial_.size() == 0 || !can_go_on()) return restart({}, false);
    is_patched_ = true;
    return partial_.read([&](std::string_view bytes) -> Result<void> {
      if (transfer_.cancel && transfer_.cancel()) return Error{ErrorCode::cancelled, "the transfer was cancelled", {}};
      check_.update(bytes);
      return {};
    });
  }

  Result<void> restart(const std::string& validator, bool with_note) {
    check_.restart();
    return partial_.restart(validator, with_note);
  }

  // Whether parts that do not fit together would be noticed.
  bool can_go_on() const { return !partial_.validator().empty() || check_.finds_mistakes(); }

  Result<void> complete_it() {
    while (partial_.size() < file_.size) {
      const auto before = partial_.size();
      auto done = try_once();
      tell(true);
      if (partial_.size() - before >= progress_bytes) retries_.there_was_progress();
      if (done) continue;
      Error error = done.error();
      if (!retries_.may_go_on(error)) return error;
    }
    return {};
  }

  Result<void> try_once() {
    auto request = from_.request();
    if (!request) return request.error();
    if (!can_go_on())
      if (auto emptied = restart({}, false); !emptied) return emptied;
    const auto offset = partial_.size();
    if (offset > 0) {
      is_patched_ = true;
      request->headers.push_back({"Range", "bytes=" + std::to_string(offset) + "-"});
      if (!partial_.validator().empty() && !has(*request, "If-Match")) request->headers.push_back({"If-Range", partial_.validator()});
    }
    Refusal refusal;
    const Pace pace{transfer_.read_timeout, transfer_.bytes_per_second_min, {}};
    const auto head = follow(*request, pace, transfer_,
                             {[&](const Head& head) -> Result<bool> {
                                if (auto fine = from_.check(head); !fine) return fine.error();
                                if (is_redirect(head)) return true;
                                if (head.status != 200 && (head.status != 206 || offset == 0))
                                  refusal.head = head;
                                else if (auto fits = begin_body(head, offset); !fits)
                                  return fits.error();
                                return true;
                              },
                              [&](std::string_view bytes) { return refusal.head ? refusal.take(bytes) : take(bytes); }});
    if (refusal.head && refusal.head->status == 416 && offset > 0) return start_over("the store no longer has as much of it as we do");
    if (refusal.head) return explained(from_, refusal, retries_);
    const auto reached = " after " + std::to_string(partial_.size()) + " of " + std::to_string(file_.size) + " bytes";
    if (!head && head.error().code == ErrorCode::unavailable && partial_.size() > 0)
      return Error{ErrorCode::unavailable, head.error().message + reached, {}};
    if (!head) return head.error();
    if (partial_.size() < file_.size) return Error{ErrorCode::unavailable, "the connection broke off" + reached, {}};
    return {};
  }

  Result<void> begin_body(const Head& head, std::int64_t offset) {
    if (auto plain = expect_plain(head); !plain) return plain;
    if (!from_.etag_is_md5(head)) check_.etag_is_no_md5();
    if (head.status == 200) {
      const auto length = whole_number(head.find("Content-Length"));
      if (length && *length != file_.size)
        return Error{ErrorCode::corrupt,
                     "the store sends " + std::to_string(*length) + " bytes where its listing says " + std::to_string(file_.size), "path"};
      return restart(strong_etag(head), file_.size >= noted_bytes_min);
    }
    const auto range = parse_content_range(head.find("Content-Range"));
    if (!range || range->first != offset || (range->size && *range->size != file_.size))
      return start_over("the store sends another part than the one asked for");
    const auto etag = strong_etag(head);
    if (!etag.empty() && !partial_.validator().empty() && etag != partial_.validator())
      return start_over("the file has changed at the store");
    return {};
  }

  Result<void> start_over(const std::string& why) {
    if (auto emptied = restart({}, false); !emptied) return emptied;
    return Error{ErrorCode::unavailable, why, {}};
  }

  Result<void> take(std::string_view bytes) {
    if (partial_.size() + static_cast<std::int64_t>(bytes.size()) > file_.size)
      return Error{ErrorCode::corrupt, "the store sends more than the " + std::to_string(file_.size) + " bytes that its listing says",
                   "path"};
    check_.update(bytes);
    auto kept = partial_.append(bytes);
    tell(false);
    return kept;
  }

  void tell(bool is_due) {
    if (!transfer_.progress || partial_.size() == told_ || (!is_due && partial_.size() - told_ < progress_bytes / 4)) return;
    told_ = partial_.size();
    transfer_.progress(told_);
  }

  const Download& from_;
  const RemoteFile& file_;
  const Transfer& transfer_;
  PartialFile& partial_;
  ContentCheck check_;
  Retries retries_;
  std::int64_t told_ = 0;
  bool is_patched_ = false;  // what is there came in more than one piece
};

// After a power cut a file may have its length and not its bytes. Where no digest would tell, nothing from before is gone on with.
std::string this_boot() {
  const auto text = read_text("/proc/sys/kernel/random/boot_id", 256);
  return text ? *text : std::string();
}

}  // namespace

Result<std::string> download(const Download& from, const RemoteFile& file, const std::filesystem::path& to, const Transfer& transfer) {
  auto partial = PartialFile::open(to, from.identity + (ContentCheck(file).finds_mistakes() ? std::string() : " " + this_boot()));
  if (!partial) return partial.error();
  auto digest = Transferring(from, file, transfer, *partial).run();
  if (!digest) {
    if (partial->size() == 0) partial->remove();
    return placed(digest.error(), from.place);
  }
  if (auto there = partial->publish(); !there) return there.error();
  return digest;
}

Result<std::string> download_range(const Download& from, const RemoteFile& file, std::int64_t offset, std::int64_t length,
                                   const Transfer& transfer) {
  if (offset < 0 || length < 0 || offset > file.size || length > file.size - offset)
    return invalid(from.place + ": it has " + std::to_string(file.size) + " bytes, and the range is not within them", "range");
  if (length > range_bytes_max) return Error{ErrorCode::limit, from.place + ": at most 64 MiB are read at once", "range"};
  if (length == 0) return std::string();
  Retries retries(transfer);
  while (true) {
    auto request = from.request();
    if (!request) return placed(request.error(), from.place);
    request->headers.push_back({"Range", "bytes=" + std::to_string(offset) + "-" + std::to_string(offset + length - 1)});
    std::string bytes;
    Refusal refusal;
    const Pace pace{transfer.read_timeout, transfer.bytes_per_second_min, {}};
    const auto head = follow(*request, pace, transfer,
                             {[&](const Head& head) -> Result<bool> {
                                if (auto fine = from.check(head); !fine) return fine.error();
                                if (is_redirect(head)) return true;
                                if (auto plain = expect_plain(head); !plain) return plain.error();
                                const auto range = parse_content_range(head.find("Content-Range"));
                                const bool is_part =
                                    head.status == 206 && range && range->first == offset && range->last == offset + length - 1;
                                const bool is_all = head.status == 200 && offset == 0 && length == file.size;
                                if (head.status == 200 && !is_all)
                                  return Error{ErrorCode::invalid, "the store cannot send parts of a file: fetch all of it", "range"};
                                if (head.status == 206 && !is_part)
                                  return Error{ErrorCode::unavailable, "the store sends another part than the one asked for", {}};
                                if (!is_part && !is_all) refusal.head = head;
                                return true;
                              },
                              [&](std::string_view piece) -> Result<void> {
                                if (refusal.head) return refusal.take(piece);
                                if (static_cast<std::int64_t>(bytes.size() + piece.size()) > length)
                                  return Error{ErrorCode::corrupt, "the store sends more than was asked for", "path"};
                                bytes += piece;
                                return {};
                              }});
    std::optional<Error> error;
    if (refusal.head)
      error = explained(from, refusal, retries);
    else if (!head)
      error = head.error();
    else if (static_cast<std::int64_t>(bytes.size()) < length)
      error = Error{ErrorCode::unavailable, "the connection broke off", {}};
    if (!error) return bytes;
    if (!retries.may_go_on(*error)) return placed(*error, from.place);
  }
}

}  // namespace luthier::hub
