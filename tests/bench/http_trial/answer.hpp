// What every server of the trial answers: JSON of 1 KB, ready made.
#pragma once

#include <string>

inline const std::string& trial_answer() {
  static const std::string text = "{\"data\":\"" + std::string(1024 - 11, 'x') + "\"}";
  return text;
}
