from ragapp.llm.openvino.cached_prefix import CachedPrefixes

SYSTEM, QUESTION, OTHER = list(range(10)), list(range(50, 58)), list(range(70, 78))


def test_whole_blocks_of_a_known_beginning_are_held():
    cached = CachedPrefixes(room_tokens=400, block_tokens=4)
    assert cached.take([*SYSTEM, *QUESTION], []) == 0
    assert cached.take([*SYSTEM, *OTHER], []) == 8  # 10 tokens alike, two blocks of 4 whole
    assert cached.take([99, *SYSTEM], []) == 0


def test_an_answer_is_part_of_the_next_turn():
    cached = CachedPrefixes(room_tokens=400, block_tokens=4)
    cached.take(SYSTEM, QUESTION)
    assert cached.take([*SYSTEM, *QUESTION, *OTHER], []) == 16


def test_the_last_token_is_always_computed():
    cached = CachedPrefixes(room_tokens=400, block_tokens=4)
    cached.take(QUESTION, [])
    assert cached.take(QUESTION, []) == 7


def test_what_was_used_longest_ago_goes_when_the_room_is_full():
    cached = CachedPrefixes(room_tokens=16, block_tokens=4)
    cached.take(QUESTION, [])
    cached.take(OTHER, [])
    cached.take(QUESTION, [])
    cached.take(list(range(100, 108)), [])
    assert cached.take(OTHER, []) == 0
