// cpp-httplib with as many threads as there may be connections: it keeps a thread for each.
#include <httplib.h>

#include <cstdio>

#include "tests/bench/http_trial/answer.hpp"

int main() {
  httplib::Server server;
  server.new_task_queue = [] { return new httplib::ThreadPool(1200); };
  server.set_keep_alive_max_count(1u << 30);
  server.set_keep_alive_timeout(30);
  server.set_tcp_nodelay(true);
  server.Get("/", [](const httplib::Request&, httplib::Response& response) { response.set_content(trial_answer(), "application/json"); });
  std::printf("%d\n", server.bind_to_any_port("127.0.0.1"));
  std::fflush(stdout);
  server.listen_after_bind();
}
