"""What the clients here share: modules made from the proto files, and a connection to a node with a role's certificate."""

import argparse
import os
import pathlib
import re
import sys

# The library's own log would tell of the refusals that are asked for here.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
# A node that has just been started replays its ledger first.
START_SECONDS = 30
CALL_SECONDS = 10


def parse(doc):
    """The arguments that every client takes, and where the node is: its house and address."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, type=pathlib.Path, help="the node's configuration")
    parser.add_argument("--pki", required=True, type=pathlib.Path, help="a folder made by `crossmargin certs`")
    parser.add_argument("--demo", type=pathlib.Path, help="what `crossmargin demo --json` printed")
    arguments = parser.parse_args()
    return arguments, *place(arguments.config)


def place(config):
    """Where the node of a configuration is: its house and address."""
    configuration = config.read_text(encoding="utf-8")
    return value(configuration, "house"), value(configuration, "listen")


def generate(folder):
    """Makes Python modules of the contract."""
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    well_known = pathlib.Path(protoc.__file__).parent / "_proto"
    arguments = ["protoc", f"-I{PROTO}", f"-I{well_known}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main(arguments + files) != 0:
        sys.exit("the proto files do not compile")
    sys.path.insert(0, folder)


def value(configuration, key):
    """A value of the first table of a node's configuration."""
    return re.search(rf'^{key} = "([^"]+)"', configuration, re.M).group(1)


def credentials(house, role):
    """Credentials as `crossmargin certs` lays them out; without a role those of a caller who has no certificate."""
    authority = (house / "ca.pem").read_bytes()
    if role is None:
        return grpc.ssl_channel_credentials(authority)
    client = house / "clients" / role
    key, chain = client.with_suffix(".key").read_bytes(), client.with_suffix(".pem").read_bytes()
    return grpc.ssl_channel_credentials(authority, key, chain)


def refused(call, *codes):
    """Makes a call that must fail in one of these ways."""
    try:
        call()
    except grpc.RpcError as error:
        if error.code() in codes:
            return error.details()
        raise
    sys.exit("a call was answered that must be refused")


def channel(arguments, house, address, role):
    """A channel to the node in a role; None for a caller without a certificate."""
    return grpc.secure_channel(address, credentials(arguments.pki / house, role))
