"""From assembly to functions that can be called, through llvmlite."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


class Compiled:
    """A module's functions for this machine's processor; calls release the interpreter lock.

    `optimised` takes some ten times longer to make and runs twice as fast. `seconds`: what it took to make.
    """

    def __init__(self, text: str, *, optimised: bool) -> None:
        began = time.perf_counter()
        module = llvm.parse_assembly(text)
        module.verify()
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=2 if optimised else 0,
        )
        builder = llvm.create_pass_builder(
            machine, llvm.create_pipeline_tuning_options(speed_level=2 if optimised else 0)
        )
        builder.getModulePassManager().run(module, builder)
        self._engine = llvm.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()
        self.seconds = time.perf_counter() - began

    def function(self, name: str, *types: Any) -> Callable[..., Any]:
        """Return a function by name; `types` as ctypes wants them, the result's first."""
        return ctypes.CFUNCTYPE(*types)(self._engine.get_function_address(name))
