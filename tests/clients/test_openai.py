"""The openai client on the gateway, as get_openai_client() makes it and on the provider's own route."""

import asyncio

import openai
import pytest

MESSAGES = [{"role": "user", "content": "What is one plus one?"}]
GREEDY = {"temperature": 0, "max_tokens": 8}


@pytest.fixture(scope="module")
def ai(client, trained):
    return client.models.get_openai_client(workspace="default")


@pytest.fixture(scope="module")
def direct(client, trained):
    """On the deployment's provider, where adapters have their served names."""
    url = client.models.get_provider_route_openai_url_for_deployment(client.inference.deployments.retrieve(trained.deployment))
    return openai.OpenAI(base_url=url, api_key="not-needed")


def test_the_base_model_chats(ai, trained):
    answer = ai.chat.completions.create(model=f"default/{trained.model}", messages=MESSAGES, **GREEDY)
    assert (
        answer.choices[0].message.role == "assistant"
        and answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    )


def test_the_adapter_chats_by_its_served_and_by_its_bare_name(direct, trained):
    for name in (trained.served, trained.adapter):
        assert direct.chat.completions.create(model=name, messages=MESSAGES, **GREEDY).choices[0].message.content is not None


def test_models_are_listed_and_retrieved(ai, direct, trained):
    assert f"default/{trained.model}" in [model.id for model in ai.models.list()]
    assert ai.models.retrieve(f"default/{trained.model}").id == f"default/{trained.model}"
    assert any(model.id.endswith(trained.served) for model in direct.models.list())


def test_a_stream_joins_to_the_same_text(direct, trained):
    whole = direct.chat.completions.create(model=trained.served, messages=MESSAGES, **GREEDY).choices[0].message.content
    chunks = list(
        direct.chat.completions.create(
            model=trained.served, messages=MESSAGES, stream=True, stream_options={"include_usage": True}, **GREEDY
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole
    assert chunks[-1].usage.completion_tokens >= 1


def test_the_entitys_name_is_in_every_chunk_of_the_openai_route(ai, trained):
    chunks = list(ai.chat.completions.create(model=f"default/{trained.model}", messages=MESSAGES, stream=True, **GREEDY))
    assert {chunk.model for chunk in chunks} == {f"default/{trained.model}"}


def test_the_model_route_is_an_openai_endpoint_too(client, trained):
    url = client.models.get_model_entity_route_openai_url(client.models.retrieve(trained.model))
    answer = openai.OpenAI(base_url=url, api_key="not-needed").chat.completions.create(model=trained.model, messages=MESSAGES, **GREEDY)
    assert answer.model == f"default/{trained.model}"


def test_completions_stop_at_a_stop_string_and_the_length(direct, trained):
    text = direct.completions.create(model=trained.served, prompt="One", max_tokens=12, temperature=0).choices[0]
    assert text.finish_reason in ("length", "stop")
    if len(text.text) > 3:
        stopped = direct.completions.create(
            model=trained.served, prompt="One", max_tokens=12, temperature=0, stop=[text.text[2:4]]
        ).choices[0]
        assert stopped.finish_reason == "stop" and text.text[2:4] not in stopped.text


def test_an_unknown_model_is_not_found(ai):
    with pytest.raises(openai.NotFoundError):
        ai.chat.completions.create(model="default/nobody", messages=MESSAGES)


def test_a_request_without_messages_is_an_error_of_the_caller(direct, trained):
    with pytest.raises(openai.APIStatusError) as raised:
        direct.post("/chat/completions", body={"model": trained.served}, cast_to=object)
    assert 400 <= raised.value.status_code < 500


def test_many_asynchronous_requests_are_all_answered(base_url, trained):
    async def story():
        async with openai.AsyncOpenAI(
            base_url=f"{base_url}/apis/inference-gateway/v2/workspaces/default/openai/-/v1", api_key="not-needed"
        ) as client:
            return await asyncio.gather(
                *(client.chat.completions.create(model=f"default/{trained.model}", messages=MESSAGES, **GREEDY) for _ in range(16))
            )

    answers = asyncio.run(story())
    assert len({answer.choices[0].message.content for answer in answers}) == 1
