"""What `cmake --install` leaves is whole: it is moved away from the source and plays the story."""
import os
import shutil
import subprocess
import tempfile

import tocsin_test as t

t.need_binary()


def test_an_installed_tree_works_where_it_is_put():
    root = tempfile.mkdtemp(prefix="tocsin-installed-")
    t.atexit.register(shutil.rmtree, root, True)
    first, prefix = os.path.join(root, "first"), os.path.join(root, "moved")
    done = subprocess.run(["cmake", "--install", t.BUILD, "--prefix", first], capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, done
    os.rename(first, prefix)
    binary = os.path.join(prefix, "bin", "tocsin")
    env = dict(os.environ, HOME=root)

    def run(*argv):
        out = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, env=env,
                             cwd=root)
        assert out.returncode == 0, out
        return out.stdout

    run(binary, "demo", "--yes", "--json", os.path.join(root, "demo"))
    assert os.path.isdir(os.path.join(root, "demo"))
    # Its own playbooks and plugins, not those of the source.
    assert "customer-incident" in run(binary, "playbook", "list")
    os.unlink(os.path.join(prefix, "share/tocsin/playbooks/customer-incident.lua"))
    assert "customer-incident.lua" not in run(binary, "playbook", "list", "--json")
    assert prefix in run(binary, "plugin", "show", "nftables")
    assert "usage" in run(os.path.join(prefix, "bin", "tocsin-verify"), "--help").lower()


t.main()
