"""From assembly to functions that can be called, through llvmlite."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm

from cowpath.model.kept import answers

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


class Compiled:
    """A module's functions for this machine's processor; calls release the interpreter lock.

    `optimised` takes some ten times longer to make and runs twice as fast; where answers are kept such code
    is taken in any case, if it is there. `seconds`: what it took to have it.
    """

    def __init__(self, text: str, *, optimised: bool) -> None:
        began = time.perf_counter()
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=_processor()[1],
            features=_processor()[2],
            opt=2 if optimised else 0,
        )
        known = answers.current()
        code = None
        for level in (True,) if optimised else (True, False):
            code = code or (known.recall_bytes(_question(text, level)) if known is not None else None)
        if code is None:
            code = _compiled(text, machine, optimised)
            if known is not None:
                known.keep_bytes(_question(text, optimised), code)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        self.seconds = time.perf_counter() - began

    def function(self, name: str, *types: Any) -> Callable[..., Any]:
        """Return a function by name; `types` as ctypes wants them, the result's first."""
        return ctypes.CFUNCTYPE(*types)(self._engine.get_function_address(name))


def _processor() -> tuple[str, str, str]:
    """Return what the code is for, and by what it is made."""
    made_by = f"LLVM {llvm.llvm_version_info} {llvm.get_default_triple()}"
    return made_by, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _question(text: str, optimised: bool) -> str:
    """Return all that machine code depends on."""
    return "\n".join(("machine code", *_processor(), str(optimised), text))


def _compiled(text: str, machine: Any, optimised: bool) -> bytes:
    """Return the assembly's object file."""
    module = llvm.parse_assembly(text)
    module.verify()
    level = 2 if optimised else 0
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=level))
    builder.getModulePassManager().run(module, builder)
    code: bytes = machine.emit_object(module)
    return code
