#include "actors/gateway/proxy.hpp"

#include "actors/gateway/upstream.hpp"

namespace luthier::gateway {
namespace {

void answer_unavailable(Exchange& exchange, int status, const std::string& message) {
  exchange.answer(status, "application/json", error_body(status, message, "model", "model_unavailable"), {{"Retry-After", "2"}});
}

// What the client may see of the serving process's headers.
Exchange::Extra passed_headers(const ResponseHead& head) {
  Exchange::Extra passed;
  for (const char* name : {"Content-Type", "Cache-Control", "Retry-After", "X-Request-Id", "X-Should-Retry"})
    if (const auto* value = head.headers.find(name)) passed.emplace_back(name, *value);
  return passed;
}

}  // namespace

void pass_on(Exchange& exchange, const std::string& endpoint_url, const std::string& body) {
  const auto address = parse_upstream_address(endpoint_url);
  if (!address) return answer_unavailable(exchange, 503, "the process that serves this model has no address yet: try again");
  const auto& options = exchange.options();
  UpstreamRequest request{exchange.request.method, exchange.request.target, {{"Content-Type", "application/json"}}, body};
  if (const auto* accept = exchange.request.headers.find("Accept")) request.headers.emplace_back("Accept", *accept);
  const auto upstream = UpstreamExchange::ask(*address, request, {options.upstream_connect, options.write_timeout, options.upstream_silence, options.header_bytes_max},
                                      &exchange);
  if (upstream) return relay(exchange, **upstream, passed_headers((*upstream)->head()));
  const auto& error = upstream.error();
  if (error.code == ErrorCode::cancelled) return exchange.abort();
  if (error.code == ErrorCode::invalid) return exchange.answer(400, "application/json", error_body(400, error.message));
  answer_unavailable(exchange, error.field == "host" ? 503 : 502,
                     "the process that serves this model gave no answer: try again");
}

}  // namespace luthier::gateway
