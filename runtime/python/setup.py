# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gives a wheel with libraries the tag that tools/wheel.sh found for them; without them the package is Python alone."""
import os

from setuptools import Distribution, setup

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:
    # Until setuptools 70.
    from wheel.bdist_wheel import bdist_wheel

TAG = os.environ.get("MQA_WHEEL_TAG")


class Wheel(bdist_wheel):
    def get_tag(self):
        return tuple(TAG.split("-")) if TAG else super().get_tag()


class Package(Distribution):
    def has_ext_modules(self):
        return TAG is not None


setup(cmdclass={"bdist_wheel": Wheel}, distclass=Package)
