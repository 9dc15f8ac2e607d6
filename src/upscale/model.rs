//! An upscaling network, loaded and tried out.

use ndarray::{Array4, ArrayView4, Ix4};

use crate::{
    engine::{self, Element, Session, Tensor},
    models,
};

use super::{Error, Network, network::Layout};

/// The grey that is shown to a network to learn what black and white are to it, in parts of white.
const GREY: f32 = 0.3;
/// How far its answer may be from that grey.
const NEAR: f32 = 0.1;
/// What both sides may have to be multiples of, where the nodes do not tell.
const MULTIPLES: [u32; 7] = [1, 2, 4, 8, 16, 32, 64];

/// An upscaling network that is ready to work.
#[derive(Debug)]
pub struct Upscaler {
    session: Session,
    network: Network,
    element: Element,
    answers: Layout,
    /// What black and white are.
    range: [f32; 2],
}

/// What a network made of a grey field.
struct Trial {
    layout: Layout,
    /// Pixels down and across.
    fed: [u32; 2],
    answered: [u32; 2],
    /// The mean of its middle.
    mean: f32,
}

impl Upscaler {
    /// Loads `model` and shows it a small grey field, to learn what its file does not tell: the scale,
    /// what it crops, what its sides must be multiples of, what black and white are to it.
    ///
    /// # Errors
    /// When ONNX Runtime does not take it, or it is no upscaler: it keeps the size, changes a plain grey,
    /// answers NaN.
    pub fn open(model: &models::Upscaler, options: &engine::Options) -> Result<Self, Error> {
        let network = Network::inspect(model)?;
        let session = Session::open(&network.file, options)?;
        let port = &session.inputs()[0];
        let float = [Element::F32, Element::F16];
        let Some(element) = port.element.filter(|element| float.contains(element)) else {
            return Err(
                network.contract(format!("its input `{}` is not of 32-bit or 16-bit floats", port.name))
            );
        };
        let answers = network.layout;
        let mut upscaler = Self { session, network, element, answers, range: [0.0, 1.0] };
        upscaler.settle()?;
        Ok(upscaler)
    }

    /// What is known of it.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Where it runs.
    pub fn device(&self) -> engine::Device {
        self.session.device()
    }

    fn settle(&mut self) -> Result<(), Error> {
        self.range = self.network.range.unwrap_or([0.0, 1.0]);
        let trial = match (&self.network.reach, self.network.scale) {
            (Ok(_), Some(scale)) => {
                let trial = self.trial(self.network.multiple)?;
                let told = trial.fed.map(|fed| (fed * scale).saturating_sub(self.network.cropped));
                if trial.answered != told {
                    self.network.reach = Err(format!(
                        "of {:?} pixels it makes {:?}, where its nodes said {told:?}",
                        trial.fed, trial.answered
                    ));
                    self.learn_places(Some(trial))?
                } else {
                    trial
                }
            }
            _ => self.learn_places(None)?,
        };
        self.answers = trial.layout;
        self.learn_range(trial)
    }

    /// Finds scale, what is cropped and what sides must be multiples of, by trying.
    fn learn_places(&mut self, known: Option<Trial>) -> Result<Trial, Error> {
        let multiples: &[u32] = if self.network.fixed.is_some() { &[1] } else { &MULTIPLES };
        let mut known = known.filter(|_| self.network.fixed.is_some());
        let mut refused = None;
        for &multiple in multiples {
            let trial = match known.take().map_or_else(|| self.trial(multiple), Ok) {
                Ok(trial) => trial,
                Err(error @ (Error::Engine(engine::Error::OutOfMemory { .. }) | Error::NotFinite { .. })) => {
                    return Err(error);
                }
                Err(error) => {
                    refused = Some(error);
                    continue;
                }
            };
            if let Some((scale, cropped)) = scale_and_crop(&trial) {
                (self.network.scale, self.network.cropped) = (Some(scale), cropped);
                self.network.multiple = multiple;
                return Ok(trial);
            }
            refused = Some(self.network.contract(format!(
                "of {}x{} pixels it makes {}x{}; an upscaler makes 2, 3, 4 ... up to 16 of each along both sides",
                trial.fed[1], trial.fed[0], trial.answered[1], trial.answered[0]
            )));
        }
        Err(refused.expect("at least one multiple is tried"))
    }

    /// Whether it counts from 0 to 1 or from 0 to 255: a grey must stay the grey it is.
    fn learn_range(&mut self, first: Trial) -> Result<(), Error> {
        let near = |mean: f32, white: f32| (mean / white - GREY).abs() <= NEAR;
        if self.network.range.is_some() || near(first.mean, 1.0) {
            return Ok(());
        }
        self.range = [0.0, 255.0];
        let second = self.trial(self.network.multiple)?;
        match near(second.mean, 255.0) {
            true => Ok(()),
            false => Err(self.network.contract(format!(
                "it makes a grey of {GREY} one of {:.2}, and of {:.0} one of {:.0}: an upscaler keeps plain colours; \
                 if black and white are other numbers to it, write them into a config.json beside it: {{ \"range\": [-1, 1] }}",
                first.mean,
                GREY * 255.0,
                second.mean
            ))),
        }
    }

    /// Shows it a grey field, wider than high.
    fn trial(&mut self, multiple: u32) -> Result<Trial, Error> {
        let fed = match (self.network.fixed, &self.network.reach) {
            (Some(size), _) => [size.height, size.width],
            // A cropping network must have something left; one that looks far need not see it all.
            (None, Ok(_)) => {
                let side = (24 + self.network.cropped).next_multiple_of(multiple);
                [side, side + 2 * multiple]
            }
            (None, Err(_)) => [(3 * multiple).max(64 + multiple), (4 * multiple).max(64 + 2 * multiple)],
        };
        let [black, white] = self.range;
        let shape = self.network.layout.shape(fed[0] as usize, fed[1] as usize);
        let (layout, answer) =
            self.answer(Array4::from_elem(shape, black + GREY * (white - black)), "a grey field")?;
        let [down, across] = layout.sides().map(|axis| answer.shape()[axis]);
        let middle = |length: usize| length / 4..(3 * length / 4).max(length / 4 + 1);
        let mut middle_part = answer.view();
        for (axis, range) in layout.sides().into_iter().zip([middle(down), middle(across)]) {
            middle_part.slice_axis_inplace(ndarray::Axis(axis), range.into());
        }
        let mean = middle_part.mean().unwrap_or(f32::NAN);
        Ok(Trial { layout, fed, answered: [down as u32, across as u32], mean })
    }

    /// Runs it on values in its own range.
    fn answer(&mut self, values: Array4<f32>, place: &str) -> Result<(Layout, Array4<f32>), Error> {
        let name = self.session.inputs()[0].name.clone();
        let fed = Tensor::from_f32(values.into_dyn(), self.element);
        let (_, answer) = self.session.run(&[(&name, fed)])?.swap_remove(0);
        let shape = answer.shape().to_vec();
        let wrong = || {
            self.network
                .contract(format!("it answers a tensor of shape {shape:?}; a picture has three channels"))
        };
        let answer = answer.into_f32().into_dimensionality::<Ix4>().map_err(|_| wrong())?;
        let layout = match *answer.shape() {
            [1, 3, _, _] => Layout::ChannelsFirst,
            [1, _, _, 3] => Layout::ChannelsLast,
            _ => return Err(wrong()),
        };
        match answer.iter().all(|value| value.is_finite()) {
            true => Ok((layout, answer)),
            false => Err(Error::NotFinite { path: self.network.file.clone(), place: place.to_owned() }),
        }
    }

    /// Enlarges a tile. `pixel` tells its colour at (x, y); `take` is given the answer as
    /// (height, width, channel) and its numbers' way to 0 ..= 255.
    pub(super) fn tile(
        &mut self,
        height: u32,
        width: u32,
        place: &str,
        pixel: impl Fn(u32, u32) -> [u8; 3],
        take: impl FnOnce(ArrayView4<'_, f32>, &dyn Fn(f32) -> f32),
    ) -> Result<(), Error> {
        let [black, white] = self.range;
        let step = (white - black) / 255.0;
        let (height, width) = (height as usize, width as usize);
        let layout = self.network.layout;
        let mut values = Array4::zeros(layout.shape(height, width));
        for y in 0..height {
            for x in 0..width {
                let colour = pixel(x as u32, y as u32);
                for (channel, value) in colour.into_iter().enumerate() {
                    let at = match layout {
                        Layout::ChannelsFirst => [0, channel, y, x],
                        Layout::ChannelsLast => [0, y, x, channel],
                    };
                    values[at] = black + step * f32::from(value);
                }
            }
        }
        let (layout, answer) = self.answer(values, place)?;
        let answer = match layout {
            Layout::ChannelsFirst => answer.view().permuted_axes([0, 2, 3, 1]),
            Layout::ChannelsLast => answer.view(),
        };
        take(answer, &|value| ((value - black) / step).clamp(0.0, 255.0));
        Ok(())
    }
}

impl Network {
    fn contract(&self, reason: String) -> Error {
        Error::Contract { path: self.file.clone(), reason }
    }
}

/// Scale and cropped pixels from what became of a field that is not square.
fn scale_and_crop(trial: &Trial) -> Option<(u32, u32)> {
    let ([high, wide], [down, across]) = (trial.fed, trial.answered);
    let scale = match (wide - high, across.checked_sub(down)?) {
        // Of a fixed square: the smallest scale that loses nothing but a border.
        (0, 0) => down.div_ceil(high.max(1)),
        (0, _) => return None,
        (fed, made) if made % fed == 0 => made / fed,
        _ => return None,
    };
    let cropped = (high * scale).checked_sub(down)?;
    let plausible = (2..=16).contains(&scale) && cropped % 2 == 0 && cropped < high * scale / 2;
    (plausible && wide * scale - cropped == across).then_some((scale, cropped))
}
