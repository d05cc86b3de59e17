// The event log as server-sent events.
#include "actors/api/live.hpp"
#include "actors/api/log_view.hpp"
#include "actors/rest/query_fields.hpp"

namespace luthier::api {

using namespace rest;

namespace {

using namespace std::chrono_literals;

constexpr std::size_t piece = 256;  // records that are read at a time
constexpr int streams_max = 1024;   // each has a thread, as every connection
constexpr std::chrono::milliseconds look_interval = 500ms, heartbeat = 15s;
constexpr auto stream_time_max = 10min;  // then the client comes again, and shows its token again

// Where a stream begins. A position that the log does not have comes from another log: only news can be told.
Position begin_of(const Context& context, const Json& query, Position readable) {
  Position after = readable;
  if (const auto* given = find_member(query, "after")) after = given->get<Position>();
  if (const auto* last = context.exchange.request.headers.find("Last-Event-ID"); last && !last->empty() && last->size() < 19 &&
                                                                                 last->find_first_not_of("0123456789") == last->npos)
    after = std::stoll(*last);
  return std::min(after, readable);
}

// Events that the read models have: whoever hears of one finds what it has caused.
class EventStream {
 public:
  EventStream(Context& context, Live& live, WantedEvents wanted, Position after) : context_(context), live_(live), wanted_(std::move(wanted)), at_(after) {}

  void run() {
    auto& exchange = context_.exchange;
    const gateway::HttpHeaders::Entries headers{{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"},
                                                {"X-Request-Id", context_.request_id}};
    if (!exchange.begin(200, headers, -1)) return;
    if (exchange.request.method == "HEAD") return exchange.end();
    const auto place = std::to_string(at_);
    if (!exchange.write("retry: 1000\nevent: here\nid: " + place + "\ndata: {\"position\":" + place + ",\"head\":" + std::to_string(readable()) + "}\n\n")) return;
    const auto end = std::chrono::steady_clock::now() + stream_time_max;
    while (!exchange.is_draining() && !exchange.client_has_gone() && std::chrono::steady_clock::now() < end)
      if (!step()) return;
    exchange.end();
  }

 private:
  Position readable() const { return context_.services.platform.read_models().position(); }

  bool step() {
    if (at_ < readable()) return send_piece();
    live_.feed.wait_beyond(at_, look_interval);
    const auto now = std::chrono::steady_clock::now();
    if (now - spoke_ < heartbeat) return true;
    spoke_ = now;
    return context_.exchange.write(":\nid: " + std::to_string(at_) + "\n\n");  // the id without data: the place moves on, nothing is told
  }

  bool send_piece() {
    const auto count = std::min<std::size_t>(piece, static_cast<std::size_t>(readable() - at_));
    const auto records = live_.log.read(at_ + 1, count);
    if (!records || records->empty()) {
      context_.exchange.abort();
      return false;
    }
    LogView view(context_);
    std::string text;
    for (const auto& record : *records) {
      at_ = record.position;
      if (wanted_.fits(record) && view.shows(record)) text += "id: " + std::to_string(at_) + "\ndata: " + shown_event(record) + "\n\n";
    }
    if (text.empty()) return true;
    spoke_ = std::chrono::steady_clock::now();
    return context_.exchange.write(text);
  }

  Context& context_;
  Live& live_;
  const WantedEvents wanted_;
  Position at_;
  std::chrono::steady_clock::time_point spoke_ = std::chrono::steady_clock::now();
};

void reply(Context& context, const Answer& answer) {
  auto headers = answer.headers;
  headers.emplace_back("X-Request-Id", context.request_id);
  context.exchange.answer(answer.status, answer.content_type, answer.body, headers);
}

}  // namespace

std::vector<QueryField> stream_fields() {
  auto fields = wanted_fields();
  fields.push_back({maybe("after", integer().at_least(0)), "The position after which events are sent; the log's end when it is left out."});
  return fields;
}

void stream_events(Context& context, Live& live) {
  const auto query = read_query(context.query, stream_fields());
  if (const auto* refusal = std::get_if<Answer>(&query)) return reply(context, *refusal);
  const auto wanted = wanted_of(std::get<Json>(query));
  if (const auto refusal = hidden(context, wanted.workspace)) return reply(context, *refusal);
  struct Place {
    std::atomic<int>& all;
    const bool is_free = all.fetch_add(1) < streams_max;
    ~Place() { --all; }
  } place{live.streams};
  if (!place.is_free) return reply(context, busy("as many follow the log as may: try again"));
  const auto after = begin_of(context, std::get<Json>(query), context.services.platform.read_models().position());
  EventStream(context, live, wanted, after).run();
}

}  // namespace luthier::api
