from cf_wire.loggregator import envelope_pb2 as _envelope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EgressRequest(_message.Message):
    __slots__ = ("shard_id", "deterministic_name", "legacy_selector", "selectors", "use_preferred_tags")
    SHARD_ID_FIELD_NUMBER: _ClassVar[int]
    DETERMINISTIC_NAME_FIELD_NUMBER: _ClassVar[int]
    LEGACY_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    SELECTORS_FIELD_NUMBER: _ClassVar[int]
    USE_PREFERRED_TAGS_FIELD_NUMBER: _ClassVar[int]
    shard_id: str
    deterministic_name: str
    legacy_selector: Selector
    selectors: _containers.RepeatedCompositeFieldContainer[Selector]
    use_preferred_tags: bool
    def __init__(self, shard_id: _Optional[str] = ..., deterministic_name: _Optional[str] = ..., legacy_selector: _Optional[_Union[Selector, _Mapping]] = ..., selectors: _Optional[_Iterable[_Union[Selector, _Mapping]]] = ..., use_preferred_tags: _Optional[bool] = ...) -> None: ...

class EgressBatchRequest(_message.Message):
    __slots__ = ("shard_id", "deterministic_name", "legacy_selector", "selectors", "use_preferred_tags")
    SHARD_ID_FIELD_NUMBER: _ClassVar[int]
    DETERMINISTIC_NAME_FIELD_NUMBER: _ClassVar[int]
    LEGACY_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    SELECTORS_FIELD_NUMBER: _ClassVar[int]
    USE_PREFERRED_TAGS_FIELD_NUMBER: _ClassVar[int]
    shard_id: str
    deterministic_name: str
    legacy_selector: Selector
    selectors: _containers.RepeatedCompositeFieldContainer[Selector]
    use_preferred_tags: bool
    def __init__(self, shard_id: _Optional[str] = ..., deterministic_name: _Optional[str] = ..., legacy_selector: _Optional[_Union[Selector, _Mapping]] = ..., selectors: _Optional[_Iterable[_Union[Selector, _Mapping]]] = ..., use_preferred_tags: _Optional[bool] = ...) -> None: ...

class Selector(_message.Message):
    __slots__ = ("source_id", "log", "counter", "gauge", "timer", "event")
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    COUNTER_FIELD_NUMBER: _ClassVar[int]
    GAUGE_FIELD_NUMBER: _ClassVar[int]
    TIMER_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    source_id: str
    log: LogSelector
    counter: CounterSelector
    gauge: GaugeSelector
    timer: TimerSelector
    event: EventSelector
    def __init__(self, source_id: _Optional[str] = ..., log: _Optional[_Union[LogSelector, _Mapping]] = ..., counter: _Optional[_Union[CounterSelector, _Mapping]] = ..., gauge: _Optional[_Union[GaugeSelector, _Mapping]] = ..., timer: _Optional[_Union[TimerSelector, _Mapping]] = ..., event: _Optional[_Union[EventSelector, _Mapping]] = ...) -> None: ...

class LogSelector(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GaugeSelector(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class CounterSelector(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class TimerSelector(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EventSelector(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
