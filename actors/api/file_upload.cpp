#include "actors/api/file_upload.hpp"

#include <algorithm>

#include "actors/api/answer_schema.hpp"
#include "actors/api/body_encoding.hpp"
#include "actors/api/byte_range.hpp"
#include "actors/api/files.hpp"
#include "actors/api/multipart.hpp"
#include "actors/api/upload_room.hpp"
#include "actors/blobs/blob_store.hpp"

namespace luthier::api {
namespace {

using namespace rest;
using Read = std::function<Result<std::size_t>(char* to, std::size_t size)>;

constexpr std::int64_t buffer_bytes = 1 << 20, form_bytes = 1 << 20;  // the second: what a form may have around its file

const std::string& fileset_name(const Context& context) { return context.path["name"]; }
const std::string& path_of(const Context& context) { return context.path["tail"]; }

Answer refusal_of(const Error& error, const UploadRoom& room) {
  switch (error.code) {
    case ErrorCode::limit: return room.refusal();
    case ErrorCode::invalid: return detail(400, error.message);
    case ErrorCode::unavailable: return detail(408, "The file did not arrive whole: " + error.message + ". The old content is unchanged; send it again.");
    default: return from_error(error);
  }
}

// Domain refusals, with the statuses that the contract has for uploads.
Answer refusal_of_put(const Error& error) {
  if (error.field == "data.path") return detail(error.code == ErrorCode::limit ? 413 : 400, error.message);
  if (error.code == ErrorCode::limit) return detail(error.field == "workspace" ? 507 : 413, error.message);
  return from_error(error);
}

// What can be known before the first byte comes.
std::optional<Answer> refuse_upload(const Context& context, const DocumentPointer& fileset) {
  const auto title = "fileset " + context.workspace() + "/" + fileset_name(context);
  if (!fileset) return no_fileset(context.workspace(), fileset_name(context));
  if (const auto service = text_or_empty(fileset->row, "service"); !service.empty() && !context.caller.is_service)
    return detail(403, title + " is immutable: it was made by " + service + "; copy its files into a fileset of your own");
  if (is_external(fileset->row)) return detail(400, title + " has its files from its storage elsewhere; they cannot be changed here.");
  return std::nullopt;
}

Result<void> pump(const Read& read, blobs::BlobWriter& writer, std::int64_t bytes_max, std::int64_t expected) {
  std::string buffer(static_cast<std::size_t>(std::clamp<std::int64_t>(expected, 1, buffer_bytes)), '\0');
  while (true) {
    const auto got = read(buffer.data(), buffer.size());
    if (!got) return got.error();
    if (*got == 0) return {};
    if (static_cast<std::int64_t>(*got) > bytes_max - writer.size()) return Error{ErrorCode::limit, "too long", {}};
    if (auto written = writer.write({buffer.data(), *got}); !written) return written;
  }
}

// The blob is complete: the fileset gets it, and the client hears of it.
void put(Context& context, blobs::BlobWriter& writer, const UploadRoom& room) {
  const auto blob = writer.finish();
  if (!blob) return send(context, refusal_of(blob.error(), room));
  const auto done = context.submit(context.workspace(), "fileset", fileset_name(context), events::PutFile{path_of(context), blob->digest, blob->size});
  if (!done) return send(context, refusal_of_put(done.error()));
  send(context, ok(file_json(context.workspace(), fileset_name(context), {path_of(context), blob->digest, blob->size}, "")));
}

void receive_whole(Context& context, const UploadRoom& room) {
  auto& body = context.exchange.body();
  Read read = [&](char* to, std::size_t size) { return body.read(to, size); };
  std::optional<FormFile> form;
  if (const auto* type = context.exchange.request.headers.find("Content-Type")) {
    if (const auto boundary = form_boundary(*type)) {
      if (boundary->empty()) return send(context, detail(400, "The form's Content-Type has no boundary."));
      form.emplace(*boundary, read);
      read = [&](char* to, std::size_t size) { return form->read(to, size); };
    }
  }
  if (!form && body.length().bytes.value_or(0) > room.bytes) return send(context, room.refusal());
  auto writer = context.services.blobs->writer();
  if (!writer) return send(context, from_error(writer.error()));
  const auto expected = body.length().bytes.value_or(buffer_bytes);
  if (auto done = pump(read, *writer, room.bytes, expected); !done) return send(context, refusal_of(done.error(), room));
  put(context, *writer, room);
}

// ------------------------------------------------------------------------------------------------------- in several pieces

Answer progress(const Context& context, int status, std::int64_t received, std::int64_t total) {
  auto answer = status == 202 ? rest::answer(202, {{"path", path_of(context)}, {"received", received}, {"total", total}})
                              : detail(status, std::to_string(received) + " of " + std::to_string(total) + " bytes have arrived; go on with byte " +
                                                   std::to_string(received) + ", or begin anew with byte 0.");
  answer.headers.emplace_back("Upload-Offset", std::to_string(received));
  return answer;
}

Schema progress_schema() {
  return object({required("path", text()), required("received", integer().at_least(0)), required("total", integer().at_least(0))}).named("UploadProgress");
}

void receive_range(Context& context, PartialUploads& partial, const PartialUploads::Key& key, const UploadRoom& room, const ContentRange& where) {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  if (where.total > room.bytes) return send(context, room.refusal());
  if (!where.range) return send(context, progress(context, 202, partial.received(key, where.total, now()), where.total));
  auto& body = context.exchange.body();
  if (body.length().bytes && *body.length().bytes != where.range->length())
    return send(context, detail(400, "Content-Range is of " + std::to_string(where.range->length()) + " bytes, and the body has " +
                                         std::to_string(*body.length().bytes) + "."));
  auto taken = partial.take(key, where.total, now());
  if (!taken) return send(context, from_error(taken.error()));
  auto upload = std::move(*taken);
  if (where.range->first == 0) upload.reset();
  const auto received = upload ? upload->writer.size() : 0;
  if (where.range->first != received) {
    partial.put_back(key, std::move(upload), now());
    return send(context, progress(context, 416, received, where.total));
  }
  if (!upload) {
    auto writer = context.services.blobs->writer();
    if (!writer) {
      partial.put_back(key, nullptr, now());
      return send(context, from_error(writer.error()));
    }
    upload = std::make_unique<PartialUpload>(PartialUpload{std::move(*writer), where.total});
  }
  const auto done = pump([&](char* to, std::size_t size) { return body.read(to, size); }, upload->writer, where.range->last + 1, where.range->length());
  if (!done && done.error().code != ErrorCode::unavailable) {  // a disk that fails, or more than was said
    partial.put_back(key, nullptr, now());
    return send(context, done.error().code == ErrorCode::limit ? detail(400, "The body has more bytes than its Content-Range.") : refusal_of(done.error(), room));
  }
  const auto size = upload->writer.size();
  if (done && size == where.total) {
    partial.put_back(key, nullptr, now());
    return put(context, upload->writer, room);
  }
  partial.put_back(key, std::move(upload), now());
  send(context, done && size == where.range->last + 1 ? progress(context, 202, size, where.total) : progress(context, 408, size, where.total));
}

}  // namespace

void receive_file(Context& context, PartialUploads& partial) {
  const auto& path = path_of(context);
  if (auto refusal = refuse_path(path)) return send(context, *refusal);
  if (auto refusal = refuse_compressed(context.exchange.request.headers)) return send(context, *refusal);
  const auto fileset = find_fileset(context, context.workspace(), fileset_name(context));
  if (auto refusal = refuse_upload(context, fileset)) return send(context, *refusal);
  const auto& options = context.exchange.options();
  context.exchange.body().set_bounds({options.blob_bytes_max + form_bytes, options.body_timeout, options.body_bytes_per_second});
  const auto room = room_for(context, *fileset, path);
  const auto* header = context.exchange.request.headers.find("Content-Range");
  if (!header) return receive_whole(context, room);
  const auto where = parse_content_range(*header);
  if (!where) return send(context, detail(400, "Content-Range must be \"bytes FIRST-LAST/TOTAL\" or \"bytes */TOTAL\"."));
  receive_range(context, partial, {context.caller.id, text_or_empty(fileset->row, "id"), path}, room, *where);
}

void add_file_content(Routes& routes, Services&) {
  using enum WorkspaceRule;
  const std::string path = "/apis/files/v2/workspaces/{workspace}/filesets/{name}/-/{tail}";
  const auto tag = "files";
  const auto partial = std::make_shared<PartialUploads>();
  routes.add_stream({.method = "PUT", .path = path, .summary = "Upload a file", .tag = tag, .body = bytes_schema(), .answer = file_schema(),
                     .errors = {403, 408, 409, 416, 507}, .body_type = "application/octet-stream",
                     .description = "Replaces a file of that path once all of it has arrived. With Content-Range a file comes in several requests: 202 says in "
                                    "Upload-Offset how much of it has arrived, and \"bytes */TOTAL\" asks for that.",
                     .others = {{202, progress_schema()}}},
                    read, auth::Action::write, [partial](Context& context) { receive_file(context, *partial); });
  routes.add_stream({.method = "GET", .path = path, .summary = "Download a file, or a range of it", .tag = tag, .answer = bytes_schema(),
                     .errors = {416, 502, 503}, .answer_type = "application/octet-stream", .others = {{206, bytes_schema(), "application/octet-stream"}}},
                    read, auth::Action::read, [](Context& context) {
                      const auto& tail = path_of(context);
                      if (auto refusal = refuse_path(tail)) return send(context, *refusal);
                      const auto fileset = find_fileset(context, context.workspace(), fileset_name(context));
                      if (!fileset) return send(context, no_fileset(context.workspace(), fileset_name(context)));
                      const auto file = shown_file(context, *fileset, tail);
                      if (!file) return send(context, no_file(context.workspace(), fileset_name(context), tail));
                      send_file(context, *fileset, *file);
                    });
}

}  // namespace luthier::api
