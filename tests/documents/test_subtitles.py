"""Subtitles: what is said, with its time, in paragraphs one can cite."""

from ragapp.documents.readers.subtitles import read


def test_cues_become_paragraphs_at_pauses() -> None:
    text = (
        "1\n00:00:01,000 --> 00:00:03,000\n<i>The pump</i> needs\n24 volts.\n\n"
        "2\n00:00:03,500 --> 00:00:05,000\nNever more.\n\n"
        "3\n01:02:09,000 --> 01:02:11,000\n先断电，\n再拆盖。\n"
    )
    assert read(text.encode(), "a.srt").text == (
        "[00:00:01] The pump needs 24 volts. Never more.\n\n[01:02:09] 先断电，再拆盖。"
    )


def test_web_subtitles_name_their_speakers() -> None:
    text = (
        "WEBVTT\n\nNOTE made by hand\n\n00:01.000 --> 00:02.000 align:start\n<v 王敏>开会了。</v>\n"
    )
    assert read(text.encode(), "a.vtt").text == "[00:00:01] 王敏: 开会了。"


def test_rolling_captions_say_a_line_once() -> None:
    cue = "00:00:0{}.000 --> 00:00:0{}.000\nAgain and again.\n\n"
    made = "WEBVTT\n\n" + cue.format(1, 2) + cue.format(2, 3)
    assert read(made.encode(), "a.vtt").text == "[00:00:01] Again and again."
