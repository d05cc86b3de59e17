// Exists so that the headers of all test programs are compiled once (CMakeLists.txt, test_headers).
