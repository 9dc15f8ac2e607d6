"""Self-made Piper/Kokoro-shaped ONNX models (no trained weights): every token has a
duration (frames) and a tone frequency from a seeded table; audio = sine per token."""
import json, numpy as np, onnx
from onnx import helper as h, TensorProto as T, numpy_helper as nh

ROWS = 60  # of style vectors; real voices have 510


def const(n,a): return nh.from_array(np.asarray(a),n)
def body(ids, n_sym, hop, sr, speed_name, speed_is_scale, amp, dur_out, audio_shape, opset_inits, extra_nodes):
    rng=np.random.default_rng(7)
    dur=(1+rng.integers(2,9,n_sym)).astype(np.float32); dur[0]=1   # pad = 1 frame
    freq=(200+rng.permutation(n_sym)*(3000.0/n_sym)).astype(np.float32); freq[0]=0
    I=opset_inits
    I+= [const('dur_t',dur),const('frq_t',freq),const('hop',np.float32(hop)),const('one',np.int64(1)),
         const('zero',np.int64(0)),const('shape1',np.array([-1],np.int64)),const('colN',np.array([-1,1],np.int64)),
         const('axN',np.array([1],np.int64)),const('w',np.float32(2*np.pi/sr)),const('amp',np.float32(amp)),
         const('oshape',np.array(audio_shape,np.int64)),const('axis0',np.int64(0)),const('minone',np.float32(-1)),
         const('zf',np.float32(0)),const('onef',np.float32(1))]
    N=extra_nodes
    N+= [h.make_node('Reshape',[ids,'shape1'],['ids1']),
         h.make_node('Gather',['dur_t','ids1'],['d0']),
         h.make_node('Mul' if speed_is_scale else 'Div',['d0',speed_name],['d1']),
         h.make_node('Ceil',['d1'],['d2'])]
    N+= [h.make_node('Mul',['d2','hop'],['ds']),
         h.make_node('CumSum',['ds','axis0'],['ends']),
         h.make_node('ReduceSum',['ds'],['totf'],keepdims=0),
         h.make_node('Range',['zf','totf','onef'],['t']),
         h.make_node('Reshape',['t','colN'],['tc']),
         h.make_node('GreaterOrEqual',['tc','ends'],['ge']),
         h.make_node('Cast',['ge'],['gi'],to=T.INT64),
         h.make_node('ReduceSum',['gi','axN'],['idx'],keepdims=0),
         h.make_node('Gather',['frq_t','ids1'],['f1']),
         h.make_node('Gather',['f1','idx'],['f2']),
         h.make_node('Mul',['f2','t'],['p0']),h.make_node('Mul',['p0','w'],['p1']),
         h.make_node('Sin',['p1'],['s0']),h.make_node('Mul',['s0','amp'],['s1']),
         h.make_node('Reshape',['s1','oshape'],['audio'])]
    return N,I
def piper(path, n_sym=256, sr=22050, multi=False):
    I=[];N=[h.make_node('Gather',['scales','one_i'],['ls'])]; I.append(const('one_i',np.int64(1)))
    N,I=body('input',n_sym,256,sr,'ls',True,0.4,'w',[1,1,1,-1],I,N)
    ins=[h.make_tensor_value_info('input',T.INT64,['batch','phonemes']),h.make_tensor_value_info('input_lengths',T.INT64,['batch']),
         h.make_tensor_value_info('scales',T.FLOAT,[3])]
    if multi: ins.append(h.make_tensor_value_info('sid',T.INT64,['batch']))
    # keep otherwise unused inputs alive
    N.append(h.make_node('Identity',['audio'],['output']))
    g=h.make_graph(N,'toy_piper',ins,[h.make_tensor_value_info('output',T.FLOAT,['batch','o1','o2','time'])],I)
    m=h.make_model(g,opset_imports=[h.make_opsetid('',15)],ir_version=8); onnx.checker.check_model(m); onnx.save(m,path)

    from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP as M
    json.dump({"audio":{"sample_rate":sr,"quality":"toy"},"espeak":{"voice":"en-us"},"phoneme_type":"espeak",
      "num_symbols":n_sym,"num_speakers":2 if multi else 1,"inference":{"noise_scale":0.667,"length_scale":1,"noise_w":0.8},
      "phoneme_id_map":M,"speaker_id_map":{"a":0,"b":1} if multi else {},"hop_length":256,"piper_version":"1.0.0"},open(path+'.json','w',encoding='utf-8'),ensure_ascii=False)
def kokoro(path, voices, tok='tokens', speed_t=T.FLOAT, duration=False):
    I=[const('z0',np.int64(0)),const('half',np.float32(0))];N=[]
    if speed_t==T.INT32: N.append(h.make_node('Cast',['speed'],['spf'],to=T.FLOAT)); sp='spf'
    else: sp='speed'
    # let style influence amplitude a little so a wrong style row is detectable
    N,I=body(tok,178,600,24000,sp,False,0.4,'duration',[-1],I,N)
    I.append(const('s_ax',np.array([0,1],np.int64)))
    N+= [h.make_node('ReduceMean',['style'],['sm'],axes=[0,1],keepdims=0),h.make_node('Add',['sm','onef'],['sg']),
         h.make_node('Mul',['audio','sg'],['waveform' if duration else 'audio_out'])]
    outs=[h.make_tensor_value_info('waveform' if duration else 'audio_out',T.FLOAT,['n_out'])]
    if duration:
        N.append(h.make_node('Cast',['d2'],['duration'],to=T.INT64)); outs.append(h.make_tensor_value_info('duration',T.INT64,['n_dur']))
    ins=[h.make_tensor_value_info(tok,T.INT64,[1,'n']),h.make_tensor_value_info('style',T.FLOAT,[1,256]),h.make_tensor_value_info('speed',speed_t,[1])]
    g=h.make_graph(N,'toy_kokoro',ins,outs,I)
    m=h.make_model(g,opset_imports=[h.make_opsetid('',15)],ir_version=8); onnx.checker.check_model(m); onnx.save(m,path)
    table=np.arange(ROWS,dtype=np.float32)[:,None,None]/5100*np.ones((1,1,256),np.float32)
    np.savez(open(voices,'wb'),af_toy=table,af_other=(-table[:ROWS]).astype(np.float32))
