from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Range(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Ranges(_message.Message):
    __slots__ = ("ranges",)
    RANGES_FIELD_NUMBER: _ClassVar[int]
    ranges: _containers.RepeatedCompositeFieldContainer[Range]
    def __init__(self, ranges: _Optional[_Iterable[_Union[Range, _Mapping]]] = ...) -> None: ...

class AddRangeRequest(_message.Message):
    __slots__ = ("range",)
    RANGE_FIELD_NUMBER: _ClassVar[int]
    range: Range
    def __init__(self, range: _Optional[_Union[Range, _Mapping]] = ...) -> None: ...

class AddRangeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RemoveRangeRequest(_message.Message):
    __slots__ = ("range",)
    RANGE_FIELD_NUMBER: _ClassVar[int]
    range: Range
    def __init__(self, range: _Optional[_Union[Range, _Mapping]] = ...) -> None: ...

class RemoveRangeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRangesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRangesResponse(_message.Message):
    __slots__ = ("ranges",)
    RANGES_FIELD_NUMBER: _ClassVar[int]
    ranges: _containers.RepeatedCompositeFieldContainer[Range]
    def __init__(self, ranges: _Optional[_Iterable[_Union[Range, _Mapping]]] = ...) -> None: ...

class SetRangesRequest(_message.Message):
    __slots__ = ("ranges",)
    class RangesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Ranges
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Ranges, _Mapping]] = ...) -> None: ...
    RANGES_FIELD_NUMBER: _ClassVar[int]
    ranges: _containers.MessageMap[str, Ranges]
    def __init__(self, ranges: _Optional[_Mapping[str, Ranges]] = ...) -> None: ...

class SetRangesResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
