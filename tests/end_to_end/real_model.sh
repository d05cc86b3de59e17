#!/usr/bin/env bash
# The demo's model, SmolLM2-135M-Instruct in Q4_1, answers as transformers does with the same weights in f32, token by token.
. "$(dirname "$0")/lib.sh"
[ -f "${LUTHIER_SMOLLM2_GGUF:-}" ] || { echo "SKIPPED: LUTHIER_SMOLLM2_GGUF names no file"; exit 0; }
question='What is the capital of France?'
prompt=$(printf '{"messages": [{"role": "user", "content": "%s"}], "add_generation_prompt": true}\n' "$question" |
  luthier tokenize --model "$LUTHIER_SMOLLM2_GGUF" --chat)
[ "$(tr -cd ',' <<<"$prompt" | wc -c)" = 36 ] || fail "the prompt is not 37 tokens: $prompt"
answer=$(luthier generate --model "$LUTHIER_SMOLLM2_GGUF" --prompt "$question" --chat --max-tokens 20 --temperature 0 --ids)
[ "$(tr -d ' ' <<<"$answer")" = '[504,3575,282,4649,314,7042,30]' ] || fail "the answer is $answer"
[ "$(luthier detokenize --model "$LUTHIER_SMOLLM2_GGUF" <<<"$answer")" = '"The capital of France is Paris."' ] || fail "the text is wrong"
