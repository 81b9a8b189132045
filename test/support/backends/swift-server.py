"""One OpenStack Swift with its S3 API in one process: swift-server.py FOLDER.

It prints its address once it answers, keeps its data in the folder and removes them and ends when its standard input does.
"""

import os
import shutil
import sys
from array import array
from collections import defaultdict
from os.path import join

import eventlet
import eventlet.debug
import eventlet.tpool
from eventlet import wsgi
from eventlet.semaphore import Semaphore

eventlet.hubs.use_hub('epolls')
eventlet.patcher.monkey_patch(all=False, socket=True, select=True, thread=True)
eventlet.debug.hub_exceptions(False)
# Handing each call on the disk to a thread would cost more than the call.
eventlet.tpool.execute = lambda call, *args, **options: call(*args, **options)

import swift.common.storage_policy
from swift.account.server import AccountController
from swift.common import utils
from swift.common.ring.ring import RingData
from swift.common.wsgi import SwiftHttpProtocol, loadapp
from swift.container.server import ContainerController
from swift.obj.server import ObjectController

FOLDER = os.path.abspath(sys.argv[1])
DEVICES = join(FOLDER, 'devices')
CHUNK = '1048576'

SWIFT_CONF = """
[swift-hash]
swift_hash_path_suffix = tests

[swift-constraints]
max_file_size = 5368709122
"""

# Clients of the tests may stall for as long as they like: ending that is the store's task.
PROXY_CONF = f"""
[DEFAULT]
swift_dir = {FOLDER}
log_level = ERROR

[pipeline:main]
pipeline = memory s3api tempauth slo proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = yes
client_timeout = 3600
node_timeout = 60
recoverable_node_timeout = 60
conn_timeout = 5
client_chunk_size = {CHUNK}
object_chunk_size = {CHUNK}

[filter:memory]
paste.filter_factory = __main__:memory_filter

[filter:s3api]
use = egg:swift#s3api
location = us-east-1
max_upload_part_num = 10000
max_bucket_listing = 1000

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin

[filter:slo]
use = egg:swift#slo
max_manifest_segments = 10000
concurrency = 8
rate_limit_after_segment = 10000
"""

SERVER_CONF = {
    'devices': DEVICES,
    'swift_dir': FOLDER,
    'mount_check': 'false',
    'log_level': 'ERROR',
    'client_timeout': '3600',
    # A listing shows what was written: an update that is late would be left to a daemon that does not run here.
    'node_timeout': '60',
    'container_update_timeout': '60',
    'disk_chunk_size': CHUNK,
    'network_chunk_size': CHUNK,
}


class Memory:
    """What Swift asks of memcached, in this process."""

    def __init__(self):
        self.values = {}

    def get(self, key, raise_on_error=False):
        return self.values.get(key)

    def set(self, key, value, *_args, **_options):
        self.values[key] = value

    def delete(self, key, server_key=None):
        self.values.pop(key, None)

    def incr(self, key, delta=1, time=0):
        self.values[key] = self.values.get(key, 0) + delta
        return self.values[key]


def memory_filter(_global_conf, **_local_conf):
    memory = Memory()

    def make(app):
        def with_memory(env, start_response):
            env['swift.cache'] = memory
            return app(env, start_response)

        return with_memory

    return make


class OnceController(ObjectController):
    """Looks for an existing object once more when the new one is whole: as in S3, one of two writers wins."""

    def setup(self, conf):
        super().setup(conf)
        self.locks = defaultdict(Semaphore)

    def _pre_create_checks(self, request, *place):
        check = super()._pre_create_checks
        disk_file, size, metadata = check(request, *place)
        if request.if_none_match is not None and '*' in request.if_none_match:
            make_writer = disk_file.writer

            def writer(**options):
                made = make_writer(**options)
                put = made.put

                def put_once(metadata):
                    with self.locks[place]:
                        check(request, *place)
                        put(metadata)

                made.put = put_once
                return made

            disk_file.writer = writer
        return disk_file, size, metadata


def write(name, text):
    path = join(FOLDER, name)
    with open(path, 'w') as file:
        file.write(text)
    return path


def serve(sock, app):
    eventlet.spawn(
        wsgi.server,
        sock,
        app,
        utils.NullLogger(),
        custom_pool=eventlet.GreenPool(4096),
        protocol=SwiftHttpProtocol,
        capitalize_response_headers=False,
        socket_timeout=3600,
        keepalive=3600,
        url_length_limit=65536,
    )


def listen():
    return eventlet.listen(('127.0.0.1', 0), backlog=4096)


def serve_part(name, controller):
    sock = listen()
    port = sock.getsockname()[1]
    device = {
        'id': 0, 'region': 1, 'zone': 1, 'weight': 1.0, 'device': 'one',
        'ip': '127.0.0.1', 'port': port, 'replication_ip': '127.0.0.1', 'replication_port': port,
    }
    RingData([array('H', [0, 0])], [device], 31).save(join(FOLDER, f'{name}.ring.gz'))
    serve(sock, controller({**SERVER_CONF, 'bind_port': str(port)}))


def end_with_parent():
    while os.read(0, 4096):
        pass
    # What still writes meanwhile may make it anew.
    for _ in range(5):
        shutil.rmtree(FOLDER, ignore_errors=True)
    os._exit(0)


def main():
    os.makedirs(join(DEVICES, 'one'), exist_ok=True)
    write('swift.conf', SWIFT_CONF)
    utils.set_swift_dir(FOLDER)
    swift.common.storage_policy.reload_storage_policies()
    # What a power cut would take is nobody's here.
    os.fsync = os.fdatasync = utils.fsync = utils.fdatasync = utils.fsync_dir = lambda *_: None
    for name, controller in (
        ('account', AccountController),
        ('container', ContainerController),
        ('object', OnceController),
    ):
        serve_part(name, controller)
    sock = listen()
    serve(sock, loadapp(write('proxy.conf', PROXY_CONF), global_conf={'log_name': 'swift'}))
    eventlet.sleep(0)
    print(f'http://127.0.0.1:{sock.getsockname()[1]}', flush=True)
    eventlet.patcher.original('threading').Thread(target=end_with_parent, daemon=True).start()
    while True:
        eventlet.sleep(3600)


main()
