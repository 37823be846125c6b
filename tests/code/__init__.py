"""What is a version of a module?"""
