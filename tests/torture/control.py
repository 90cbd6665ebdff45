"""The page that is shared with faults.c inside of the server: arms errors, sets clocks."""
import errno
import mmap
import os
import struct

from host import BUILD

LIBRARY = os.path.abspath(os.path.join(BUILD, "torture-faults.so"))
CALLS = {name: 1 << bit for bit, name in enumerate((
    "write", "pwrite64", "fsync", "fdatasync", "pread64", "ftruncate", "fallocate", "create",
    "rename"))}
FIELDS = ("wall", "monotonic", "space", "calls", "error", "countdown", "forever", "struck")


class Control:
    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.write(bytes(4096))
        with open(path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 4096)

    def environment(self):
        return {"LD_PRELOAD": LIBRARY, "TORTURE_CONTROL": self.path}

    def set(self, **fields):
        for name, value in fields.items():
            struct.pack_into("<q", self.page, 8 * FIELDS.index(name), value)

    def get(self, name):
        return struct.unpack_from("<q", self.page, 8 * FIELDS.index(name))[0]

    def arm(self, call, error, number, forever):
        """The number-th of these calls fails, and with forever each one after it."""
        self.set(calls=0, struck=0)
        self.set(error=getattr(errno, error), countdown=number, forever=int(forever))
        self.set(calls=CALLS[call])

    def disarm(self):
        self.set(calls=0)
        return self.get("struck")
