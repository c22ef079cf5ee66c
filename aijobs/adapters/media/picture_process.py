"""The picture process: for each line of its standard input one request, for each request one forked process.

Decoders of uploaded pictures run in the forked processes, with limits of memory, processor time and file size, and
without secrets in the environment. A picture that crashes its decoder ends that process only, and no process sees two
pictures. Pillow is loaded once: a fork takes a few milliseconds. FFmpeg's libraries, for videos and sounds, are loaded
by the forked process: 0.15 s, and nobody else holds their memory.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Final

import pi_heif
from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from aijobs.adapters.media.image_check import check_image
from aijobs.adapters.media.photo_cleaning import clean_photo
from aijobs.adapters.media.photo_measures import copy_to_show, measured, opened_copy
from aijobs.adapters.media.picture_request import MAX_RESULT_BYTES, PictureRequest, PictureResult, PictureTask
from aijobs.adapters.media.thumbnail import thumbnail
from aijobs.adapters.process_guards import die_with_parent, limit_process, yield_to_parent
from aijobs.domain.errors import BadInput, FileTooLarge, UnreadableFile

MAX_WRITTEN_BYTES: Final = 256 * 1024**2

#: Loaded before the first fork.
PLUGINS: Final = (AvifImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)

#: The error message for a process, by the signal that ended it.
MESSAGE_OF_SIGNAL: Final[Mapping[int, str]] = {
    signal.SIGXCPU: "Reading the picture takes too long.",
    signal.SIGKILL: "Reading the picture takes too much memory.",
}
DAMAGED: Final = "The picture is damaged: its decoder has broken down."


def main() -> None:
    die_with_parent()
    yield_to_parent()
    Image.MAX_IMAGE_PIXELS = None  # our own limits apply
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    pi_heif.options.DECODE_THREADS = 1
    gc.freeze()
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(_run_forked(line) + b"\n")
        sys.stdout.buffer.flush()


def _run_forked(line: bytes) -> bytes:
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        _run_and_exit(line, write_end)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        output = pipe.read(MAX_RESULT_BYTES)
    _, status = os.waitpid(child, 0)
    if status == 0:
        return output
    message = MESSAGE_OF_SIGNAL.get(os.WTERMSIG(status), DAMAGED) if os.WIFSIGNALED(status) else DAMAGED
    return _as_json(PictureResult(error_code=UnreadableFile.code, message=message))


def _run_and_exit(line: bytes, write_end: int) -> None:
    """Runs in the forked process, and always exits it."""
    status = 1
    try:
        die_with_parent()
        null_device = os.open(os.devnull, os.O_RDWR)
        os.dup2(null_device, sys.stdin.fileno())
        os.dup2(null_device, sys.stdout.fileno())
        request = PictureRequest.model_validate_json(line)
        limit_process(
            memory_bytes=request.limits.memory_bytes,
            processor_time=request.limits.processor_time,
            written_bytes=MAX_WRITTEN_BYTES,
        )
        os.write(write_end, _as_json(run(request)))
        status = 0
    finally:
        os._exit(status)


def run(request: PictureRequest) -> PictureResult:
    """Run the task without setting process limits. An error of the picture is part of the result."""
    try:
        return _TASKS[request.task](request)
    except BadInput as refused:
        return PictureResult(error_code=refused.code, message=str(refused))
    except MemoryError:
        return PictureResult(error_code=FileTooLarge.code, message="The picture needs too much memory to be read.")


def _check(request: PictureRequest) -> PictureResult:
    facts = check_image(request.path, request.limits)
    return PictureResult(media_type=facts.media_type, width=facts.width, height=facts.height)


def _clean(request: PictureRequest) -> PictureResult:
    clean = clean_photo(request.path, request.limits)
    request.target.write_bytes(clean.content)
    return PictureResult(width=clean.width, height=clean.height)


def _thumbnail(request: PictureRequest) -> PictureResult:
    content = thumbnail(request.path, request.side, square=request.square, limits=request.limits)
    request.target.write_bytes(content)
    return PictureResult()


def _measure(request: PictureRequest) -> PictureResult:
    return PictureResult(measurements=measured(*opened_copy(request.path, request.limits)))


def _copy(request: PictureRequest) -> PictureResult:
    request.target.write_bytes(copy_to_show(request.path, request.limits))
    return PictureResult()


def _media_facts(request: PictureRequest) -> PictureResult:
    from aijobs.adapters.media.audio_video.decoding import media_facts

    return PictureResult(media=media_facts(request.path, request.limits))


def _poster(request: PictureRequest) -> PictureResult:
    from aijobs.adapters.media.audio_video.decoding import poster

    request.target.write_bytes(poster(request.path, request.side, square=request.square, limits=request.limits))
    return PictureResult()


def _waveform(request: PictureRequest) -> PictureResult:
    from aijobs.adapters.media.audio_video.decoding import waveform

    request.target.write_bytes(waveform(request.path))
    return PictureResult()


_TASKS: Final[Mapping[PictureTask, Callable[[PictureRequest], PictureResult]]] = {
    PictureTask.CHECK: _check,
    PictureTask.CLEAN: _clean,
    PictureTask.THUMBNAIL: _thumbnail,
    PictureTask.MEASURE: _measure,
    PictureTask.COPY: _copy,
    PictureTask.MEDIA_FACTS: _media_facts,
    PictureTask.POSTER: _poster,
    PictureTask.WAVEFORM: _waveform,
}


def _as_json(result: PictureResult) -> bytes:
    return result.model_dump_json().encode()


if __name__ == "__main__":
    main()
